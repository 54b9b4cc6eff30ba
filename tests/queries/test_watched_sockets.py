"""The loop watches a socket once, not once a message, and never one that is closed or has nothing to say."""

import asyncio
from collections import Counter
from typing import Any

import psycopg
import pytest
import uvloop

from backend.settings import Settings
from queries import items
from queries._connection import Connection
from queries._fetch import Conn, Door
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


async def test_who_has_sent_a_large_message_waits_no_longer_to_write(shared: Shared) -> None:
    """A socket can nearly always be written to: the loop would never rest again."""
    connection = await borrowed(shared)
    large = "x" * 4_000_000
    (result,) = await connection.ask(("SELECT length(%(text)s::text)", {"text": large}))
    assert result.rows(tuple) == [(len(large),)]
    assert connection.pgconn.socket >= 0
    assert not asyncio.get_running_loop().remove_writer(connection.pgconn.socket)


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
    assert connection.closed
    await shared.is_clean()


async def test_a_closed_connection_is_watched_no_more(shared: Shared) -> None:
    connection = await shared.pool.getconn()
    await connection.ask(*ASKED)
    await connection.close()
    await shared.pool.putconn(connection)
    assert connection._watched is None
    await shared.is_clean()


async def test_a_connection_that_fails_while_it_sends_is_watched_no_more(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Conn(shared.pool, shared.people[0])
    await items.add(door, "one", None)
    connection = await borrowed(shared)
    assert connection._watched is not None

    def fail(*_: object) -> None:
        raise psycopg.OperationalError("the socket broke")

    with monkeypatch.context() as broken:
        broken.setattr(connection, "_send", fail)
        with pytest.raises(psycopg.OperationalError):
            await connection.ask(*ASKED)
    assert connection._watched is None


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("watched", [True, False])
def test_a_server_that_ended_is_noticed_on_either_loop(loop: str, watched: bool, settings: Settings) -> None:
    """Of a socket that broke before it was watched uvloop says nothing, and libpq learns of it only when it looks."""
    url = settings.database_url or ""

    async def ask_the_dead() -> None:
        async with await Connection.connect(url, autocommit=True) as other:
            connection = await Connection.connect(url, autocommit=True)
            await connection.ask(*ASKED)
            if not watched:
                await connection.execute("SELECT 1")
            await other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
            alive = "SELECT FROM pg_stat_activity WHERE pid = %s"
            await until(lambda: is_gone(other, alive, connection.info.backend_pid))
            with pytest.raises(psycopg.OperationalError):
                await asyncio.wait_for(connection.ask(*ASKED), 10)
            await connection.close()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(ask_the_dead())


async def is_gone(connection: Connection, alive: str, process: int) -> bool:
    return await rows(connection, alive, process) == []


async def test_connections_of_a_server_that_restarted_are_not_lent_again(shared: Shared, superuser: Superuser) -> None:
    door = Conn(shared.pool, shared.people[0])
    await items.add(door, "one", None)
    connection = await borrowed(shared)
    await superuser.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
    await until(lambda: connection.closed)
    await items.add(door, "two", None)
    await shared.is_clean()
