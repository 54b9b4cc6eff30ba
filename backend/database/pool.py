"""The pool of connections: one a worker, bounded in size and in waiting."""

from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from backend.settings import Settings, conninfo

type Connections = AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]


def create_pool(settings: Settings) -> Connections:
    """A pool that is not open yet. Autocommit: a statement's message is its own transaction (see `queries._fetch`).

    Nothing is prepared on the server, so it works behind a transaction-mode pooler as it is.
    """
    if settings.database_url is None:
        raise ValueError("there is no DATABASE_URL to connect to")
    return AsyncConnectionPool(
        conninfo(settings.database_url, settings),
        min_size=settings.pool_min_size,
        max_size=settings.pool_max_size,
        max_waiting=settings.pool_max_waiting,
        timeout=settings.pool_timeout,
        kwargs={"autocommit": True, "prepare_threshold": None, "client_encoding": "UTF8"},
        configure=_speak_utc if settings.database_pooler == "off" else None,
        open=False,
        name="lodestar",
    )


async def _speak_utc(connection: AsyncConnection[tuple[Any, ...]]) -> None:
    """Times come in the session's zone and style, and are promised in UTC. Behind a pooler nothing may be set for a
    session: there the role needs the settings (see the README)."""
    if connection.info.parameter_status("TimeZone") not in ("UTC", "Etc/UTC"):
        await connection.execute("SET TIME ZONE 'UTC'")
    if not (connection.info.parameter_status("DateStyle") or "").startswith("ISO"):
        await connection.execute("SET DateStyle = ISO")
