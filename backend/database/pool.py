"""The pool of connections: one a worker, bounded in size and in waiting."""

from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier, Literal
from psycopg_pool import AsyncConnectionPool

from backend.settings import Settings, conninfo

type Connection = AsyncConnection[tuple[Any, ...]]
type Connections = AsyncConnectionPool[Connection]


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


async def _speak_utc(connection: Connection) -> None:
    """Behind a pooler nothing may be set for a session: there `backend prestart` wants the role to have it."""
    for name, value in wrong_settings(connection).items():
        await connection.execute(SQL("SET {} = {}").format(Identifier(name), Literal(value)))


def wrong_settings(connection: Connection) -> dict[str, str]:
    """What a session needs and has not. Times come in its zone and style, and are promised in UTC."""
    zone, style = (connection.info.parameter_status(name) or "" for name in ("TimeZone", "DateStyle"))
    wrong = {}
    if zone not in ("UTC", "Etc/UTC"):
        wrong["timezone"] = "UTC"
    if not style.startswith("ISO"):
        wrong["datestyle"] = "ISO"
    return wrong
