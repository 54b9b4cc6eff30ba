"""Items: what a user keeps. Every statement runs under the caller's policies, so none of them names an owner."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from queries._fetch import Cheap, Door, fetch_all, fetch_one, fetch_optional
from queries.versioned import Changed, Versioned


class Item(Struct, frozen=True):
    id: UUID
    owner_id: UUID
    title: str
    description: str | None
    created_at: datetime
    updated_at: datetime


class Removal(Struct, frozen=True):
    """What became of an item that was there: it is still when it was in none of the states that were asked for."""

    done: bool


FIND: Final = Cheap("""
SELECT id, owner_id, title, description, created_at, updated_at, version
FROM   items
WHERE  id = %(item_id)s
""")


async def find(conn: Door, item_id: UUID) -> Versioned[Item] | None:
    return await fetch_optional(conn, Versioned[Item], FIND, item_id=item_id)


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


ADD: Final = """
INSERT INTO items (title, description)
VALUES (%(title)s, %(description)s)
RETURNING id, owner_id, title, description, created_at, updated_at, version
"""


async def add(conn: Door, title: str, description: str | None) -> Versioned[Item]:
    return await fetch_one(conn, Versioned[Item], ADD, title=title, description=description)


EDIT: Final = """
WITH edited AS (
    UPDATE items
    SET    title       = coalesce(%(title)s, title),
           description = CASE WHEN %(sets_description)s THEN %(description)s ELSE description END
    WHERE  id = %(item_id)s
    AND    (version = ANY (%(versions)s) OR %(versions)s::bigint[] IS NULL)
    RETURNING id, owner_id, title, description, created_at, updated_at, version
)
SELECT edited.id, edited.owner_id, edited.title, edited.description, edited.created_at, edited.updated_at,
       edited.version
FROM   items
LEFT JOIN edited ON true
WHERE  items.id = %(item_id)s
"""


async def edit(
    conn: Door,
    item_id: UUID,
    *,
    versions: list[int] | None = None,
    title: str | None,
    sets_description: bool,
    description: str | None,
) -> Changed[Item] | None:
    """Only in one of `versions`, if they are given; None: there is no such item.

    A title of None leaves it as it is; a description may itself become NULL, so a flag says whether it is set.
    """
    return await fetch_optional(
        conn,
        Changed[Item],
        EDIT,
        item_id=item_id,
        versions=versions,
        title=title,
        sets_description=sets_description,
        description=description,
    )


REMOVE: Final = """
WITH removed AS (
    DELETE FROM items
    WHERE  id = %(item_id)s
    AND    (version = ANY (%(versions)s) OR %(versions)s::bigint[] IS NULL)
    RETURNING id
)
SELECT EXISTS (SELECT FROM removed) AS done
FROM   items
WHERE  id = %(item_id)s
"""


async def remove(conn: Door, item_id: UUID, *, versions: list[int] | None = None) -> Removal | None:
    """Only in one of `versions`, if they are given; None: there is no such item."""
    return await fetch_optional(conn, Removal, REMOVE, item_id=item_id, versions=versions)
