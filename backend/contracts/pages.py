"""A page of a list, and the cursor to the next one."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Final, Protocol
from uuid import UUID

from litestar.params import QueryParameter
from msgspec import Struct

from backend.answers import Answer
from backend.errors import InvalidCursor

NEWEST: Final = UUID(int=2**128 - 1)  # Above every id: a walk that has no cursor yet begins before it.

# Plain assignments: Litestar looks for its markers in an Annotated, and not behind a `type` statement.

Limit = Annotated[int, QueryParameter(ge=1, le=100, description="How many at the most.")]
Cursor = Annotated[str | None, QueryParameter(description="The `next_cursor` of the page before.")]


class Page[T](Struct, frozen=True):
    """Newest first. `next_cursor` is null on the last page."""

    items: Sequence[T]
    next_cursor: str | None


class _Identified(Protocol):
    @property
    def id(self) -> UUID: ...


def page_of[T: _Identified](rows: list[T], limit: int, path: str, bound_to: str = "") -> Answer[Page[T]]:
    """One row more than `limit` was asked for, to know whether there is a next page; the Link is relative (RFC 8288).

    `bound_to` is the filter and order that the list was made with: another list refuses the cursor.
    """
    if len(rows) <= limit:
        return Answer(Page(rows, None))
    cursor = encode_cursor(rows[limit - 1].id, f"{path}?{bound_to}")
    query = "&".join(filter(None, [f"limit={limit}", f"cursor={cursor}", bound_to]))
    return Answer(Page(rows[:limit], cursor), headers={"Link": f'<{path}?{query}>; rel="next"'})


def before(cursor: str | None, path: str, bound_to: str = "") -> UUID:
    """The id that the page begins before. Raises InvalidCursor (400) for junk, or the cursor of another list."""
    return NEWEST if cursor is None else decode_cursor(cursor, f"{path}?{bound_to}")


def encode_cursor(last: UUID, of_list: str) -> str:
    """Opaque: which list, and the last id that was shown. It is harmless, for row security holds whatever it says."""
    return urlsafe_b64encode(_mark(of_list) + last.bytes).decode().rstrip("=")


def decode_cursor(cursor: str, of_list: str) -> UUID:
    """Raises InvalidCursor."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"==")
    except ValueError:
        raise InvalidCursor from None
    mark = _mark(of_list)
    if len(raw) != len(mark) + 16 or not raw.startswith(mark):
        raise InvalidCursor
    last = UUID(bytes=raw[len(mark) :])
    if encode_cursor(last, of_list) != cursor:  # One cursor has one spelling.
        raise InvalidCursor
    return last


def _mark(of_list: str) -> bytes:
    return hashlib.sha256(of_list.encode()).digest()[:5]
