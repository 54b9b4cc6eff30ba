"""The list of one's items: which statement makes it, in the order and with the filter that are asked for."""

from collections.abc import Mapping
from typing import Final

from backend.answers import Answer
from backend.contracts.items import Order
from backend.contracts.pages import NEWEST, OLDEST, Page, Place, bound, page_of, place
from queries import item_lists, items
from queries._fetch import Conn
from queries.items import Item

NEWEST_FIRST: Final = "-created_at"

# Where a walk begins. No text is above all titles, so the last one is looked for by the statement.
_STARTS: Final[Mapping[Order, Place]] = {
    "-created_at": Place(NEWEST),
    "created_at": Place(OLDEST),
    "title": Place(OLDEST),
    "-title": Place(NEWEST, None),
}


async def page_of_items(
    conn: Conn, path: str, *, limit: int, cursor: str | None, order: Order, q: str | None
) -> Answer[Page[Item]]:
    """Raises InvalidCursor for a cursor that is not of this list in this order with this filter."""
    bound_to = bound(order=None if order == NEWEST_FIRST else order, q=q)
    start = place(cursor, _STARTS[order], path, bound_to)
    rows = await _rows(conn, order, q, start, limit + 1)
    return page_of(rows, limit, path, bound_to, _title if order in ("title", "-title") else _nothing)


async def _rows(conn: Conn, order: Order, q: str | None, start: Place, limit: int) -> list[Item]:
    if q is not None:
        return await item_lists.search(conn, q, order, start.text, start.id, limit)
    match order:
        case "-created_at":
            return await items.page(conn, start.id, limit)
        case "created_at":
            return await item_lists.oldest(conn, start.id, limit)
        case "title":
            return await item_lists.by_title(conn, start.text or "", start.id, limit)
        case "-title":
            return await item_lists.by_title_descending(conn, start.text, start.id, limit)


def _title(item: Item) -> str:
    return item.title


def _nothing(_: Item) -> str:
    return ""
