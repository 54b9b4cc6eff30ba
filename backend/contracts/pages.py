"""A page of a list, and the cursor to the next one."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Protocol
from urllib.parse import quote, urlencode
from uuid import UUID

from litestar.params import QueryParameter
from msgspec import Struct

from backend.answers import Answer
from backend.errors import InvalidCursor

NEWEST: Final = UUID(int=2**128 - 1)  # Above every id: a walk that has no cursor yet begins before it.
OLDEST: Final = UUID(int=0)  # Below every id, for a walk the other way.
_MARK_BYTES: Final = 5

# Plain assignments: Litestar looks for its markers in an Annotated, and not behind a `type` statement.

Limit = Annotated[int, QueryParameter(ge=1, le=100, description="How many at the most.")]
Cursor = Annotated[str | None, QueryParameter(description="The `next_cursor` of the page before.")]


class Page[T](Struct, frozen=True):
    """Newest first, unless another order was asked for. `next_cursor` is null on the last page."""

    items: Sequence[T]
    next_cursor: str | None


class Place(Struct, frozen=True):
    """Where a page ends, in the order of its list: an id, and in some orders the text that comes before it.

    The text is None where a walk begins above all texts, for there is no text that is.
    """

    id: UUID
    text: str | None = ""


class _Identified(Protocol):
    @property
    def id(self) -> UUID: ...


def bound(**parameters: str | None) -> str:
    """The filter and order that a list is made with, as the end of a query string. What is None is not part of it."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return urlencode(given, quote_via=quote, safe="")


def page_of[T: _Identified](
    rows: list[T], limit: int, path: str, bound_to: str = "", text_of: Callable[[T], str] = lambda _: ""
) -> Answer[Page[T]]:
    """One row more than `limit` was asked for, to know whether there is a next page; the Link is relative (RFC 8288).

    `bound_to` is the filter and order that the list was made with: another list refuses the cursor. `text_of` is what
    comes before the id in that order.
    """
    if len(rows) <= limit:
        return Answer(Page(rows, None))
    last = rows[limit - 1]
    cursor = encode_cursor(last.id, f"{path}?{bound_to}", text_of(last))
    query = "&".join(filter(None, [f"limit={limit}", f"cursor={cursor}", bound_to]))
    return Answer(Page(rows[:limit], cursor), headers={"Link": f'<{path}?{query}>; rel="next"'})


def before(cursor: str | None, path: str, bound_to: str = "") -> UUID:
    """The id that the page begins before. Raises InvalidCursor (400) for junk, or the cursor of another list."""
    return place(cursor, Place(NEWEST), path, bound_to).id


def place(cursor: str | None, start: Place, path: str, bound_to: str = "") -> Place:
    """Where the page before this one ended, or `start`. Raises InvalidCursor as `before` does."""
    return start if cursor is None else decode_cursor(cursor, f"{path}?{bound_to}")


def encode_cursor(last: UUID, of_list: str, text: str = "") -> str:
    """Opaque: where the page ended, and a digest of that and of which list it is.

    It is no signature and needs to be none, for row security holds whatever it says.
    """
    ending = last.bytes + text.encode()
    return urlsafe_b64encode(_mark(of_list, ending) + ending).decode().rstrip("=")


def decode_cursor(cursor: str, of_list: str) -> Place:
    """Raises InvalidCursor."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"==")
        mark, ending = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
        last = Place(UUID(bytes=ending[:16]), ending[16:].decode())
    except ValueError:
        raise InvalidCursor from None
    if mark != _mark(of_list, ending) or "\0" in (last.text or ""):
        raise InvalidCursor
    if encode_cursor(last.id, of_list, last.text or "") != cursor:  # One cursor has one spelling.
        raise InvalidCursor
    return last


def _mark(of_list: str, ending: bytes) -> bytes:
    return hashlib.sha256(of_list.encode() + b"\0" + ending).digest()[:_MARK_BYTES]
