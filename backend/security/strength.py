"""What makes a secret too weak to start with (security checklist 22 and 70). No reason quotes the secret."""

import re
from collections.abc import Mapping
from itertools import combinations, pairwise
from typing import Final

from backend.security.secret_keys import SECRET_KEY_BYTES, decoded_secret

# Six letters or more, so that base64 of random bytes rarely holds one by chance (less than 1 in a million).
_PLACEHOLDER: Final = re.compile(
    r"change.?me|change.?this|replace|placeholder|example|insecure|default|password|passwd|secret|lodestar|postgres"
    r"|letmein|qwerty|admin123|x{6}|^<.*>$|\$\{"
)
_ROWS: Final = ("0123456789", "abcdefghijklmnopqrstuvwxyz")
_ROW_LENGTH: Final = 8
_IN_A_ROW: Final = tuple(
    row[start : start + _ROW_LENGTH] for row in _ROWS for start in range(len(row) - _ROW_LENGTH + 1)
)
# 32 random bytes hold about 30 different ones; fewer than 20 happen less than once in 10^12 keys.
_DISTINCT_BYTES: Final = 20


def is_placeholder(text: str) -> bool:
    """Whether it reads like what stands in an example, a tutorial or an untouched env file."""
    folded = text.casefold()
    return _PLACEHOLDER.search(folded) is not None or any(row in folded for row in _IN_A_ROW)


def weak_key(key: bytes) -> str | None:
    """Why these bytes are no random key, or None. Differences count too, so that 0, 1, 2, ... is refused."""
    if len(key) < SECRET_KEY_BYTES:
        return f"shorter than {SECRET_KEY_BYTES} bytes"
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    if min(len(set(key)), len(steps)) < _DISTINCT_BYTES:
        return "not random: its bytes repeat"
    if all(0x20 <= byte < 0x7F for byte in key):
        return "not random: it encodes readable text"
    return None


def weak_secret_key(text: str) -> str | None:
    """Why a SECRET_KEY as it was given is refused, or None."""
    try:
        key = decoded_secret(text)
    except ValueError:
        return f"not {SECRET_KEY_BYTES} or more random bytes in base64 or hex"
    return weak_key(key) or ("a placeholder" if is_placeholder(text) else None)


def shared(spellings: Mapping[str, set[bytes]]) -> list[tuple[str, str]]:
    """The pairs of names whose secrets are the same in one of their spellings: as text, as decoded bytes."""
    return [(one, other) for one, other in combinations(spellings, 2) if spellings[one] & spellings[other]]
