"""Pools for a login of their own, of which PostgreSQL refuses as many connections as a test wants."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import pytest
from psycopg import sql
from psycopg_pool import PoolTimeout

from backend.database.connections import Connections
from backend.settings import Settings
from queries._connection import Connection as Lent
from tests.database import Connection, rows, until

type Waiting = asyncio.Task[Lent]
type Lend = Callable[..., AbstractAsyncContextManager[Connections]]

BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
END = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s"


class Login(NamedTuple):
    """Who the connections belong to."""

    superuser: Connection
    name: str
    url: str

    async def allow(self, connections: int) -> None:
        """PostgreSQL refuses more than these. Those that are open already stay."""
        statement = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}")
        await self.superuser.execute(statement.format(sql.Identifier(self.name), connections))

    async def backends(self) -> int:
        """How many connections it has, as PostgreSQL says."""
        return int((await rows(self.superuser, BACKENDS, self.name))[0][0])

    async def end(self) -> None:
        """All connections, as a server does that is shut down."""
        await rows(self.superuser, END, self.name)
        await self.has(0)

    async def has(self, connections: int) -> None:
        async def so_many() -> bool:
            return await self.backends() == connections

        await until(so_many)


@asynccontextmanager
async def login_of(superuser: Connection, settings: Settings) -> AsyncIterator[Login]:
    name, password = f"lends_{secrets.token_hex(6)}", secrets.token_hex(16)
    at = urlsplit(settings.database_url or "")
    role = sql.Identifier(name)
    await superuser.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
    await superuser.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(at.path[1:]), role))
    try:
        netloc = f"{name}:{password}@{at.netloc.rpartition('@')[2]}"
        yield Login(superuser, name, urlunsplit(at._replace(netloc=netloc)))
    finally:
        await superuser.execute(sql.SQL("DROP OWNED BY {}; DROP ROLE {}").format(role, role))


def pool_of(login: Login, size: int, **options: Any) -> Connections:
    """One that is not open yet."""
    options = {
        "kwargs": {"autocommit": True},
        "min_size": size,
        "max_size": size,
        "timeout": 10,
        "open": False,
    } | options
    return Connections(login.url, connection_class=Lent, **options)


@asynccontextmanager
async def lending(login: Login, size: int, **options: Any) -> AsyncIterator[Connections]:
    """A pool of `size` connections, which are open."""
    async with pool_of(login, size, **options) as pool:
        await pool.wait()
        yield pool


async def all_of(pool: Connections) -> list[Lent]:
    """As many as there may be."""
    return [await pool.getconn() for _ in range(pool.max_size)]


async def put(pool: Connections, *connections: Lent) -> None:
    for connection in connections:
        await pool.putconn(connection)


async def waiters(pool: Connections, number: int) -> list[Waiting]:
    """Who ask one after the other, and have all begun to wait."""
    before = pool.get_stats()["requests_waiting"]
    asking = [asyncio.create_task(pool.getconn()) for _ in range(number)]
    await until(lambda: pool.get_stats()["requests_waiting"] == before + number)
    return asking


async def turn() -> None:
    """Time for whoever's turn it is to notice."""
    for _ in range(5):
        await asyncio.sleep(0)


async def is_whole(pool: Connections) -> None:
    """Each connection that may be is there, is lent to one at a time, and has nothing left to do."""
    held = await all_of(pool)
    assert [await rows(connection, "SELECT 1") for connection in held] == [[(1,)]] * pool.max_size
    assert len({connection.info.backend_pid for connection in held}) == pool.max_size
    with pytest.raises(PoolTimeout):
        await asyncio.wait_for(pool.getconn(0.01), 10)
    assert counted(pool) == (pool.max_size, 0, 0)
    await put(pool, *held)
    assert counted(pool) == (pool.max_size, pool.max_size, 0)


def counted(pool: Connections) -> tuple[int, int, int]:
    """How many there are, how many of them are free, and how many wait for one."""
    stats = pool.get_stats()
    return stats["pool_size"], stats["pool_available"], stats["requests_waiting"]
