"""Idempotency keys: what a write was answered with, so that it is answered so again."""

from typing import Final

from msgspec import Struct

from queries._fetch import Door, execute, fetch_optional


class Kept(Struct, frozen=True):
    """`answer` is JSON."""

    digest: bytes
    answer: str


FIND: Final = """
SELECT digest, answer::text
FROM   idempotency_keys
WHERE  route = %(route)s
AND    key = %(key)s
"""


async def find(conn: Door, route: str, key: str) -> Kept | None:
    return await fetch_optional(conn, Kept, FIND, route=route, key=key)


KEEP: Final = """
INSERT INTO idempotency_keys (route, key, digest, answer, expires_at)
VALUES (%(route)s, %(key)s, %(digest)s, %(answer)s, clock_timestamp() + make_interval(secs => %(seconds)s))
"""


async def keep(conn: Door, route: str, key: str, digest: bytes, answer: str, seconds: int) -> None:
    await execute(conn, KEEP, route=route, key=key, digest=digest, answer=answer, seconds=seconds)
