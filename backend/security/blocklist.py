"""Which new passwords are refused: those of a wrong length, and those that are guessed first.

The rules are those of NIST SP 800-63B-4, section 3.1.1.2, and of ASVS 5.0, 6.2. A password is compared as a
whole and without regard to case, never by words that merely occur in it; any characters will do.
"""

import gzip
import re
import string
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final, Literal

type Weakness = Literal["too_short", "too_long", "context_word", "common_password"]

MAX_BYTES: Final = 1024
SERVICE_WORDS: Final = ("lodestar",)

_LEAST_CONTEXT_WORD: Final = 3
_PADDING: Final = dict.fromkeys(map(ord, string.digits + string.punctuation + string.whitespace))


def password_bytes(password: str) -> bytes:
    """The password exactly as received, as UTF-8: not cut, not folded, not normalised (ASVS 6.2.8).

    Lone surrogates, which JSON can express and UTF-8 cannot, keep the three bytes they would have.
    """
    return password.encode(errors="surrogatepass")


def refuse_weak(password: str, *, min_length: int, context: Sequence[str]) -> Weakness | None:
    """Why the password may not be set, or None. `min_length` counts code points; at most 1,024 bytes fit.

    `context` is what is tried first for this account: its e-mail address or the part before the @, its
    owner's name (ASVS 6.2.11); the service's own name is always added. A password is refused that consists of
    such words, of three code points or more, and otherwise only of digits, ASCII punctuation and blanks.

    It is common (ASVS 6.2.4, 6.2.12) when it is in the packaged list, which has what is repeated or stands in a
    row on the keyboard as far as people use it; there is no rule for such things, for NIST wants none.
    """
    if len(password) < min_length:
        return "too_short"
    if len(password_bytes(password)) > MAX_BYTES:
        return "too_long"
    folded = password.casefold()
    if _is_padded_context(folded, (*SERVICE_WORDS, *context)):
        return "context_word"
    return "common_password" if _is_listed(folded) else None


def _is_padded_context(folded: str, context: Sequence[str]) -> bool:
    rest = folded
    # Word by word, the longest first: one pattern of all the words could be made to backtrack for ever.
    for word in sorted(_words(context), key=len, reverse=True):
        rest = rest.replace(word, " ")
    return rest != folded and not rest.translate(_PADDING)


def _words(context: Sequence[str]) -> set[str]:
    texts = [text.casefold() for text in context]
    parts = [part for text in texts for part in re.split(r"[\W_]+", text)]
    return {word for word in (*texts, *parts) if len(word) >= _LEAST_CONTEXT_WORD}


def _is_listed(folded: str) -> bool:
    # A set of the lines would take 20 MB in every worker; halving the sorted text takes 20 steps and no memory.
    wanted, offsets = password_bytes(folded), range(len(_listed()) - 1)
    found = bisect_left(offsets, wanted, key=_line_around)
    return found in offsets and _line_around(found) == wanted


def _line_around(offset: int) -> bytes:
    start = _listed().rfind(b"\n", 0, offset + 1) + 1
    return _listed()[start : _listed().index(b"\n", start)]


@cache
def _listed() -> bytes:
    packaged = resources.files("backend.security") / "common_passwords" / "common.txt.gz"
    return gzip.decompress(packaged.read_bytes())
