"""Waits for PostgreSQL, then verifies that it is fit to be served from."""

import asyncio
from time import monotonic
from typing import Final

import psycopg
from psycopg import AsyncConnection

from backend.database.migrate import files
from backend.database.probe import Alone
from backend.internal import OperatorError
from backend.settings import Settings, conninfo
from queries import schema
from queries._fetch import Conn
from queries.context import Context
from queries.schema import RoleRights

OLDEST_POSTGRESQL: Final = 18_00_00

_FAULTS: Final = {
    "is_superuser": "it is a superuser",
    "bypasses_row_security": "it has BYPASSRLS",
    "is_owner": "it owns the tables, or is a member of their owner",
    "is_gate": "it is a member of the gate",
    "may_create": "it may CREATE in schema public",
    "may_truncate": "it may TRUNCATE",
}


def prestart(settings: Settings, patience: float = 30.0) -> None:
    """Waits up to `patience` seconds for PostgreSQL. Raises OperatorError with what is wrong, in one line.

    The schema must be at least as new as this release knows: migrations of a newer release do no harm, so that a
    deployment can migrate first and roll on after.
    """
    asyncio.run(_prestart(settings, patience))


async def _prestart(settings: Settings, patience: float) -> None:
    if settings.database_url is None:
        raise OperatorError("DATABASE_URL is missing")
    alone = Alone(conninfo(settings.database_url, settings))
    try:
        connection = await _connected(alone, patience)
        if connection.info.server_version < OLDEST_POSTGRESQL:
            raise OperatorError(f"PostgreSQL 18 or newer is needed, and {connection.info.server_version} is running")
        await _verify(Conn(alone, Context(timeout_ms=10_000, read_only=True)))
    finally:
        await alone.close()


async def _connected(alone: Alone, patience: float) -> AsyncConnection[tuple[object, ...]]:
    """Tries again with growing pauses. A wrong password does not become right by waiting."""
    until, pause = monotonic() + patience, 0.1
    while True:
        try:
            return await alone.getconn()
        except psycopg.OperationalError as error:
            text = " ".join(str(error).split())
            if monotonic() + pause > until or "authentication failed" in text:
                raise OperatorError(f"cannot connect to DATABASE_URL: {text}") from None
        await asyncio.sleep(pause)
        pause = min(2.0, pause * 2)


async def _verify(door: Conn) -> None:
    try:
        applied = {migration.name for migration in await schema.migrations(door)}
        rights = await schema.role_rights(door)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, psycopg.errors.InsufficientPrivilege):
        raise OperatorError("the schema is not there, or not for this role; run `backend migrate`") from None
    if missing := [file.name for file in files() if file.name not in applied]:
        raise OperatorError(f"the schema is older than this release: run `backend migrate` for {', '.join(missing)}")
    if faults := faults_of(rights):
        raise OperatorError(f"the role of DATABASE_URL could pass by row security: {', '.join(faults)}")


def faults_of(rights: RoleRights) -> list[str]:
    """Why a role may not be used at run time; empty when it may."""
    return [sentence for name, sentence in _FAULTS.items() if getattr(rights, name)]
