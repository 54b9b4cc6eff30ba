"""Items: what a user keeps. Every statement runs under the caller's policies, so none of them names an owner."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from queries._fetch import Cheap, Door, execute, fetch_all, fetch_one, fetch_optional


class Item(Struct, frozen=True):
    id: UUID
    owner_id: UUID
    title: str
    description: str | None
    created_at: datetime
    updated_at: datetime


FIND: Final = Cheap("""
SELECT id, owner_id, title, description, created_at, updated_at
FROM   items
WHERE  id = %(item_id)s
""")


async def find(conn: Door, item_id: UUID) -> Item | None:
    return await fetch_optional(conn, Item, FIND, item_id=item_id)


PAGE: Final = Cheap("""
SELECT id, owner_id, title, description, created_at, updated_at
FROM   items
WHERE  id < %(before)s
ORDER BY id DESC
LIMIT  %(limit)s
""")


async def page(conn: Door, before: UUID, limit: int) -> list[Item]:
    """Newest first, those made before the item `before`."""
    return await fetch_all(conn, Item, PAGE, before=before, limit=limit)


ADD: Final = """
INSERT INTO items (title, description)
VALUES (%(title)s, %(description)s)
RETURNING id, owner_id, title, description, created_at, updated_at
"""


async def add(conn: Door, title: str, description: str | None) -> Item:
    return await fetch_one(conn, Item, ADD, title=title, description=description)


EDIT: Final = """
UPDATE items
SET    title       = coalesce(%(title)s, title),
       description = CASE WHEN %(sets_description)s THEN %(description)s ELSE description END
WHERE  id = %(item_id)s
RETURNING id, owner_id, title, description, created_at, updated_at
"""


async def edit(
    conn: Door, item_id: UUID, *, title: str | None, sets_description: bool, description: str | None
) -> Item | None:
    """A title of None leaves it as it is; a description may itself become NULL, so a flag says whether it is set."""
    return await fetch_optional(
        conn,
        Item,
        EDIT,
        item_id=item_id,
        title=title,
        sets_description=sets_description,
        description=description,
    )


REMOVE: Final = """
DELETE FROM items
WHERE  id = %(item_id)s
"""


async def remove(conn: Door, item_id: UUID) -> bool:
    """False: there was none."""
    return await execute(conn, REMOVE, item_id=item_id) == 1
