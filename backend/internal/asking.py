"""How a command asks the database for one wish, and what it says when the database refuses."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import psycopg

from backend.database.probe import Alone
from backend.database.refusals import one_line
from backend.internal.reaching import reached
from backend.operators import OperatorError
from backend.settings import Settings, conninfo
from queries._fetch import Conn
from queries.context import Context

# The operator has more patience than a request, and can press Ctrl-C.
_STATEMENT_MS: Final = 60_000

_BY_CONSTRAINT: Final = {
    "users_email_key": "there is already an account with the address {}",
    "users_last_admin": "{} is the last administrator; make somebody else one first",
}
_NO_SCHEMA: Final = "the schema is not there, or not for the role of DATABASE_OWNER_URL; run `backend migrate`"


def ask[T](settings: Settings, email: str, wish: Callable[[Conn], Awaitable[T]]) -> T:
    """What `wish` answers, at the owner's connection and with nobody's identity. Raises OperatorError about `email`."""
    with reached(settings, "asking the database", migrated=True) as found:
        if found.database_owner_url is None:
            raise OperatorError("DATABASE_OWNER_URL is needed for this")
        alone = Alone(conninfo(found.database_owner_url, found))
        try:
            return asyncio.run(_asked(alone, wish))
        except psycopg.Error as error:
            raise OperatorError(_sentence(error, email)) from None


async def _asked[T](alone: Alone, wish: Callable[[Conn], Awaitable[T]]) -> T:
    try:
        return await wish(Conn(alone, Context(timeout_ms=_STATEMENT_MS)))
    finally:
        await alone.close()


def _sentence(error: psycopg.Error, email: str) -> str:
    if refusal := _BY_CONSTRAINT.get(error.diag.constraint_name or ""):
        return refusal.format(email)
    if isinstance(error, (psycopg.errors.UndefinedFunction, psycopg.errors.InsufficientPrivilege)):
        return _NO_SCHEMA
    if error.sqlstate is None:
        return f"cannot connect to DATABASE_OWNER_URL: {one_line(error)}"
    return f"the database refused: {one_line(error)}"
