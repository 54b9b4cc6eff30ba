"""Waits for PostgreSQL, then verifies that it is fit to be served from."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from backend.database.migrate import files
from backend.database.pool import wrong_settings
from backend.database.probe import Alone
from backend.database.refusals import one_line, refuse_old
from backend.operators import OperatorError
from backend.settings import Settings, conninfo
from queries import schema
from queries._connection import Connection
from queries._fetch import Conn
from queries.context import Context
from queries.schema import RoleRights

_ANSWER_SECONDS: Final = 10.0
_MOMENT_SECONDS: Final = 1.0

# What waiting does not mend, in libpq's words and the server's (in a server's other language one waits in vain).
_LASTING: Final = (
    "authentication failed",
    "permission denied for database",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "not permitted to log in",
    "permission denied",
    "does not support SSL",
    "certificate verify failed",
)

_HINTS: Final = {
    "authentication failed": "; if the role is missing, `backend migrate` makes it",
    "permission denied for database": "; `backend migrate` makes the role a member of those who may",
}

_NO_SCHEMA: Final = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.InvalidSchemaName,
)

_FAULTS: Final = {
    "is_superuser": "it is a superuser, or can become one",
    "bypasses_row_security": "it has BYPASSRLS, or can get it",
    "is_owner": "it owns the tables, or is a member of their owner",
    "is_gate": "it is a member of the gate",
    "may_create": "it may CREATE in the database or one of its schemas",
    "may_truncate": "it may TRUNCATE",
}


def prestart(settings: Settings, patience: float = 30.0, say: Callable[[str], object] = lambda _: None) -> None:
    """Waits up to `patience` seconds for PostgreSQL. Raises OperatorError with what is wrong, in one line.

    The schema must be at least as new as this release knows: migrations of a newer release do no harm, so that a
    deployment can migrate first and roll on after.
    """
    asyncio.run(_prestart(settings, patience, say))


async def _prestart(settings: Settings, patience: float, say: Callable[[str], object]) -> None:
    if settings.database_url is None:
        raise OperatorError("DATABASE_URL is missing")
    alone = Alone(conninfo(settings.database_url, settings))
    try:
        connection = await _connected(alone, patience, say)
        refuse_old(connection.info)
        if settings.database_pooler == "transaction":
            _refuse_wrong_settings(connection)
        # Half of it for each of the two statements, so that a server which can will say what it waited for.
        context = Context(timeout_ms=round(_ANSWER_SECONDS * 500), read_only=True)
        async with asyncio.timeout(_ANSWER_SECONDS):
            await _verify(Conn(alone, context), connection)
    except TimeoutError:
        raise OperatorError("PostgreSQL accepts connections, but does not answer in time") from None
    except psycopg.Error as error:
        raise OperatorError(f"PostgreSQL cannot be asked about its schema: {one_line(error)}") from None
    finally:
        await alone.close()


def _refuse_wrong_settings(connection: Connection) -> None:
    role = Identifier(connection.info.user)
    statements = [
        SQL("ALTER ROLE {} SET {} = {}").format(role, Identifier(name), Literal(value)).as_string(connection)
        for name, value in wrong_settings(connection).items()
    ]
    if statements:
        raise OperatorError(f"behind a pooler a DBA must run: {'; '.join(statements)};")


async def _connected(alone: Alone, patience: float, say: Callable[[str], object]) -> Connection:
    """Tries again with growing pauses, as long as waiting can help, and says so if it takes more than a moment."""
    until = monotonic() + patience
    moment = asyncio.get_running_loop().call_later(
        _MOMENT_SECONDS, say, f"Waiting up to {patience:.0f} s for PostgreSQL to answer"
    )
    try:
        return await _tried(alone, until)
    finally:
        moment.cancel()


async def _tried(alone: Alone, until: float) -> Connection:
    pause = 0.1
    while True:
        try:
            async with asyncio.timeout(until - monotonic()):
                return await alone.getconn()
        except TimeoutError:
            reason = "no answer"
        except psycopg.OperationalError as error:
            reason = one_line(error)
        if monotonic() + pause > until or any(mark in reason for mark in _LASTING):
            hint = next((hint for mark, hint in _HINTS.items() if mark in reason), "")
            raise OperatorError(f"cannot connect to DATABASE_URL: {reason}{hint}")
        await asyncio.sleep(pause)
        pause = min(2.0, pause * 2)


async def _verify(door: Conn, connection: Connection) -> None:
    try:
        applied = {migration.name for migration in await schema.migrations(door)}
        rights = await schema.role_rights(door)
    except _NO_SCHEMA:
        role, group = connection.info.user, f"{connection.info.dbname}_runtime"
        raise OperatorError(
            f"there is no schema, or {role} is no member of {group} and cannot see it; run `backend migrate`"
        ) from None
    if faults := faults_of(rights):
        raise OperatorError(f"the role of DATABASE_URL could get round row security: {', '.join(faults)}")
    if missing := [file.name for file in files() if file.name not in applied]:
        raise OperatorError(f"the schema is older than this release; run `backend migrate` for {', '.join(missing)}")


def faults_of(rights: RoleRights) -> list[str]:
    """Why a role may not be used at run time; empty when it may."""
    return [sentence for name, sentence in _FAULTS.items() if getattr(rights, name)]
