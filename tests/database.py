"""What tests of the database share."""

import asyncio
import secrets
from collections.abc import Callable
from functools import cache
from inspect import isawaitable
from time import monotonic
from typing import Any, Final

from argon2 import PasswordHasher
from litestar import Litestar
from psycopg import AsyncConnection

from backend.security.tokens import RefreshTokens
from backend.settings import Settings
from queries.context import Context
from tests.people import PASSWORD, Person, new_email

type Connection = AsyncConnection[tuple[Any, ...]]
type Rows = list[tuple[Any, ...]]


async def rows(connection: Connection, statement: str, *values: object) -> Rows:
    """The whole answer, on a connection that no identity has been entered on."""
    cursor = await connection.execute(statement.encode(), values or None)
    return await cursor.fetchall()


async def until(true: Callable[[], object], seconds: float = 10) -> None:
    """Turns the event loop until something, which may have to be awaited, is true. Raises AssertionError if never."""
    deadline = monotonic() + seconds
    while not (await found if isawaitable(found := true()) else found):
        assert monotonic() < deadline, "it has not become true"
        await asyncio.sleep(0.005)


@cache
def _hash() -> str:
    return PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(PASSWORD)


_JOIN: Final = """
WITH account AS (
    INSERT INTO users (email, password_hash, full_name, is_admin)
    VALUES (%(email)s, %(hash)s, %(name)s, %(admin)s)
    RETURNING id
)
INSERT INTO sessions (user_id, ip_address, network, fingerprint, is_new_device, idle_until, expires_at)
SELECT id, '2001:db8::1', '2001:db8::/64', %(print)s, false, now() + interval '1 day', now() + interval '1 day'
FROM   account
RETURNING user_id, id
"""


async def introduce(superuser: Connection, app: Litestar, settings: Settings, name: str, admin: bool = False) -> Person:
    """An account with a session, as `tests.people.join` makes one, without the price of two hashes."""
    values = {"email": new_email(name), "hash": _hash(), "name": name, "admin": admin, "print": secrets.token_bytes(32)}
    cursor = await superuser.execute(_JOIN, values)
    row = await cursor.fetchone()
    assert row
    tokens = {
        "access_token": app.state.access.issue(*row, admin),
        "refresh_token": RefreshTokens(settings).issue(row[1], 0),
    }
    return Person({"id": str(row[0]), "email": values["email"]}, tokens)


def context_of(app: Litestar, person: Person, *, read_only: bool = False, timeout_ms: int = 5000) -> Context:
    """What a request of this person enters."""
    principal = app.state.access.verify(person.tokens["access_token"])
    return Context(timeout_ms, read_only, principal.user_id, principal.session_id)
