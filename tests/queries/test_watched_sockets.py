"""The loop watches a socket once, not once a message, and never one that is closed or has nothing to say."""

import asyncio
from collections import Counter
from typing import Any

import psycopg
import pytest

from queries import items
from queries._connection import Connection
from queries._fetch import Conn, Door, execute
from tests.database import Connection as Superuser
from tests.database import rows, until
from tests.queries.sharing import Shared

ASKED = (("SELECT 1", {}),)


@pytest.fixture
async def told(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the loop has been told to watch a socket."""
    counts: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    watch = loop.add_reader

    def add_reader(*arguments: Any) -> None:
        counts["watch"] += 1
        watch(*arguments)

    monkeypatch.setattr(loop, "add_reader", add_reader)
    return counts


async def borrowed(shared: Shared) -> Connection:
    connection = await shared.pool.getconn()
    await shared.pool.putconn(connection)
    return connection


async def test_a_socket_is_watched_once_for_many_messages(shared: Shared, told: Counter[str]) -> None:
    door: Door = Conn(shared.pool, shared.people[0])
    for _ in range(5):
        await items.add(door, "one", None)
    assert told["watch"] <= 1


async def test_psycopgs_own_waits_and_ours_take_turns(shared: Shared) -> None:
    connection = await shared.pool.getconn()
    try:
        for _ in range(3):
            assert [one.rows(tuple) for one in await connection.ask(*ASKED)] == [[(1,)]]
            assert await rows(connection, "SELECT 2") == [(2,)]
    finally:
        await shared.pool.putconn(connection)
    await shared.is_clean()


async def test_a_connection_that_ends_while_idle_is_watched_no_more_and_replaced(
    shared: Shared, superuser: Superuser
) -> None:
    door = Conn(shared.pool, shared.people[0])
    await items.add(door, "one", None)
    connection = await borrowed(shared)
    assert connection._watched is not None
    await superuser.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
    await until(lambda: connection._watched is None)
    with pytest.raises(psycopg.OperationalError):
        await execute(door, "SELECT 1")
    await shared.is_clean()


async def test_a_closed_connection_is_watched_no_more(shared: Shared) -> None:
    connection = await shared.pool.getconn()
    await connection.ask(*ASKED)
    await connection.close()
    await shared.pool.putconn(connection)
    assert connection._watched is None
    await shared.is_clean()
