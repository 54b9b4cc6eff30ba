"""Many items in one statement."""

from collections.abc import Iterable
from typing import Final

from queries._arrays import text_array
from queries._fetch import Door, execute, fetch_all
from queries.items import Item

ADD_MANY: Final = """
WITH added AS (
    INSERT INTO items (title, description)
    SELECT title, description
    FROM   unnest(%(titles)s::text[], %(descriptions)s::text[]) WITH ORDINALITY AS new (title, description, place)
    ORDER BY place
    RETURNING id, owner_id, title, description, created_at, updated_at
)
SELECT id, owner_id, title, description, created_at, updated_at
FROM   added
ORDER BY id
"""


async def add_many(conn: Door, titles: Iterable[str], descriptions: Iterable[str | None]) -> list[Item]:
    """All or none, and in the order given: ids of version 7 that one statement makes are in order."""
    return await fetch_all(conn, Item, ADD_MANY, titles=text_array(titles), descriptions=text_array(descriptions))


FILL: Final = """
INSERT INTO items (title, description)
SELECT title, description
FROM   unnest(%(titles)s::text[], %(descriptions)s::text[]) AS new (title, description)
"""


async def fill(conn: Door, titles: Iterable[str], descriptions: Iterable[str | None]) -> int:
    """As `add_many`, and only says how many."""
    return await execute(conn, FILL, titles=text_array(titles), descriptions=text_array(descriptions))
