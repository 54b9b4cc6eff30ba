"""The pool of connections: one a worker, bounded in size and in waiting."""

from psycopg.sql import SQL, Identifier, Literal

from backend.database.connections import Connections
from backend.settings import Settings, conninfo
from queries._connection import Connection
from queries._sharing import SharedReads


def create_pool(settings: Settings) -> Connections:
    """A pool that is not open yet. Autocommit: a message is its own transaction (see `queries._fetch`)."""
    if settings.database_url is None:
        raise ValueError("there is no DATABASE_URL to connect to")
    pool = Connections(
        conninfo(settings.database_url, settings),
        connection_class=Connection,
        min_size=settings.pool_min_size,
        max_size=settings.pool_max_size,
        max_waiting=settings.pool_max_waiting,
        timeout=settings.pool_timeout,
        kwargs={"autocommit": True, "prepare_threshold": None, "client_encoding": "UTF8"},
        configure=_settle if settings.database_pooler == "off" else None,
        open=False,
        name="lodestar",
    )
    pool.reads = SharedReads(pool)
    return pool


async def _settle(connection: Connection) -> None:
    """What a session is good for. Behind a pooler there is none: nothing may be set for it, or prepared in it.

    An identity is not known before a statement runs, so a plan made for its values could not be better than the
    generic one.
    """
    wanted = {"plan_cache_mode": "force_generic_plan"} | wrong_settings(connection)
    statements = [SQL("SET {} = {}").format(Identifier(name), Literal(value)) for name, value in wanted.items()]
    await connection.execute(SQL(";").join(statements))
    connection.prepared = set()


def wrong_settings(connection: Connection) -> dict[str, str]:
    """What a session needs and has not. Times come in its zone and style, and are promised in UTC."""
    zone, style = (connection.info.parameter_status(name) or "" for name in ("TimeZone", "DateStyle"))
    wrong = {}
    if zone not in ("UTC", "Etc/UTC"):
        wrong["timezone"] = "UTC"
    if not style.startswith("ISO"):
        wrong["datestyle"] = "ISO"
    return wrong
