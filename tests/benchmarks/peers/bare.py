"""The limit: granian, psycopg's pool and msgspec, and nothing around them.

No framework, no token (who asks is believed), no row security: what remains is what any server here must spend.
"""

import os
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg_pool import AsyncConnectionPool


class User(Struct):
    id: UUID
    email: str
    full_name: str | None
    is_active: bool
    is_admin: bool
    email_verified_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Item(Struct):
    id: UUID
    owner_id: UUID
    title: str
    description: str | None
    created_at: datetime
    updated_at: datetime


class Items(Struct):
    items: list[Item]


class NewItem(Struct):
    title: str
    description: str | None = None


ME: Final = """
SELECT id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at
FROM   users
WHERE  id = %s
"""

PAGE: Final = """
SELECT id, owner_id, title, description, created_at, updated_at
FROM   items
WHERE  owner_id = %s
ORDER BY id DESC
LIMIT  20
"""

ADD: Final = """
INSERT INTO items (owner_id, title, description)
VALUES (%s, %s, %s)
RETURNING id, owner_id, title, description, created_at, updated_at
"""

# As many connections as Lodestar's pool has; statements are prepared at their first use.
pool = AsyncConnectionPool(
    os.environ["PEERS_URL"], min_size=8, max_size=8, open=False, kwargs={"autocommit": True, "prepare_threshold": 0}
)
encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(NewItem).decode


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    status, body = await ANSWERS[scope["method"], scope["path"]](scope, receive)
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


async def live(receive: Any, send: Any) -> None:
    await receive()
    await pool.open(wait=True)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await pool.close()
    await send({"type": "lifespan.shutdown.complete"})


async def look(scope: Any, receive: Any) -> tuple[int, bytes]:
    return 200, b'{"status":"ok"}'


async def find_me(scope: Any, receive: Any) -> tuple[int, bytes]:
    (row,) = await rows(ME, caller(scope))
    return 200, encode(User(*row))


async def page(scope: Any, receive: Any) -> tuple[int, bytes]:
    return 200, encode(Items([Item(*row) for row in await rows(PAGE, caller(scope))]))


async def add(scope: Any, receive: Any) -> tuple[int, bytes]:
    new = decode((await receive())["body"])
    (row,) = await rows(ADD, caller(scope), new.title, new.description)
    return 201, encode(Item(*row))


async def rows(statement: str, *values: object) -> list[tuple[Any, ...]]:
    async with pool.connection() as connection:
        return await (await connection.execute(statement.encode(), values)).fetchall()


def caller(scope: Any) -> UUID:
    header = next(value for name, value in scope["headers"] if name == b"authorization")
    return UUID(header.decode().removeprefix("Bearer "))


ANSWERS: Final = {
    ("GET", "/health/live"): look,
    ("GET", "/v1/users/me"): find_me,
    ("GET", "/v1/items"): page,
    ("POST", "/v1/items"): add,
}
