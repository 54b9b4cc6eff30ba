"""Items: what a user keeps. Every statement runs under the caller's policies, so none of them names an owner."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from queries._fetch import Cheap, Door, fetch_all, fetch_one, fetch_optional
from queries.claim import Claim
from queries.versioned import Changed, Removal, Versioned


class Item(Struct, frozen=True):
    id: UUID
    owner_id: UUID
    title: str
    description: str | None
    created_at: datetime
    updated_at: datetime


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


ADD: Final = """
INSERT INTO items (title, description)
VALUES (%(title)s, %(description)s)
RETURNING id, owner_id, title, description, created_at, updated_at, version
"""


async def add(conn: Door, title: str, description: str | None) -> Versioned[Item]:
    return await fetch_one(conn, Versioned[Item], ADD, title=title, description=description)


ADD_ONCE: Final = """
WITH added AS (
    INSERT INTO items (title, description)
    VALUES (%(title)s, %(description)s)
    RETURNING id, owner_id, title, description, created_at, updated_at, version
), kept AS (
    INSERT INTO idempotency_keys (route, key, digest, answer, expires_at)
    SELECT %(route)s, %(key)s, %(digest)s, to_jsonb(added), now() + make_interval(secs => %(seconds)s)
    FROM   added
)
SELECT id, owner_id, title, description, created_at, updated_at, version
FROM   added
"""


async def add_once(conn: Door, claim: Claim, title: str, description: str | None) -> Versioned[Item]:
    """As `add`, behind a claim that the connection makes; the row is kept as it is answered."""
    return await fetch_one(
        conn,
        Versioned[Item],
        ADD_ONCE,
        title=title,
        description=description,
        route=claim.route,
        key=claim.key,
        digest=claim.digest,
        seconds=claim.seconds,
    )


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

    What is None stays as it is; what may itself become NULL has a flag that says whether it is set.
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
