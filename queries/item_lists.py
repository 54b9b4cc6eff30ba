"""Lists of items in other orders than newest first, and those that are searched for."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from queries._fetch import Cheap, Door, fetch_all
from queries.items import Item

OLDEST: Final = Cheap("""
SELECT id, owner_id, title, description, created_at, updated_at
FROM   items
WHERE  id > %(after)s
ORDER BY id
LIMIT  %(limit)s
""")


async def oldest(conn: Door, after: UUID, limit: int) -> list[Item]:
    """Oldest first, those made after the item `after`."""
    return await fetch_all(conn, Item, OLDEST, after=after, limit=limit)


BY_TITLE: Final = Cheap("""
SELECT id, owner_id, title, description, created_at, updated_at
FROM   items
WHERE  (title, id) > (%(title)s, %(after)s)
ORDER BY title, id
LIMIT  %(limit)s
""")


async def by_title(conn: Door, title: str, after: UUID, limit: int) -> list[Item]:
    """In the order of their titles, those that come after this title and, where it is the same, after that id."""
    return await fetch_all(conn, Item, BY_TITLE, title=title, after=after, limit=limit)


# The subquery must hold the coalesce: the planner takes one for a leak, and would not compare within the index.
BY_TITLE_DESCENDING: Final = Cheap("""
SELECT id, owner_id, title, description, created_at, updated_at
FROM   items
WHERE  (title, id) < ((SELECT coalesce(%(title)s, max(title)) FROM items), %(before)s)
ORDER BY title DESC, id DESC
LIMIT  %(limit)s
""")


async def by_title_descending(conn: Door, title: str | None, before: UUID, limit: int) -> list[Item]:
    """As `by_title`, the other way round; None begins at the last title."""
    return await fetch_all(conn, Item, BY_TITLE_DESCENDING, title=title, before=before, limit=limit)


# The gate only says which: what is shown of them goes through row security, as everywhere.
SEARCH: Final = """
SELECT items.id, items.owner_id, items.title, items.description, items.created_at, items.updated_at
FROM   gate.search_items(%(sought)s, %(order)s, %(title)s, %(item_id)s, %(limit)s) WITH ORDINALITY AS found (id, place)
JOIN   items ON items.id = found.id
ORDER BY found.place
"""


async def search(conn: Door, sought: str, order: str, title: str | None, item_id: UUID, limit: int) -> list[Item]:
    """Those with `sought` in their titles, in any of the four orders, from the place of that title and id on."""
    return await fetch_all(conn, Item, SEARCH, sought=sought, order=order, title=title, item_id=item_id, limit=limit)


class Line(Struct, frozen=True):
    """An Item whose ids are texts: JSON has no other, and to make the UUIDs of a million rows takes a second."""

    id: str
    owner_id: str
    title: str
    description: str | None
    created_at: datetime
    updated_at: datetime


LINES: Final = """
SELECT id::text, owner_id::text, title, description, created_at, updated_at
FROM   items
WHERE  id > %(after)s
ORDER BY items.id
LIMIT  %(limit)s
"""


async def lines(conn: Door, after: UUID, limit: int) -> list[Line]:
    """As `oldest`, for very many."""
    return await fetch_all(conn, Line, LINES, after=after, limit=limit)
