"""The end of a pool: whoever waits is told, and no connection is left open."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import pytest
import uvloop
from psycopg_pool import PoolClosed

from backend.database.connections import Connections
from backend.settings import Settings
from queries._connection import Connection as Lent
from tests.database import Connection, until
from tests.queries.lending import Login, all_of, lending, login_of, pool_of, put, turn, waiters

pytestmark = pytest.mark.checklist(43)

LOOPS: Final = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def login(superuser: Connection, settings: Settings) -> AsyncIterator[Login]:
    async with login_of(superuser, settings) as made:
        yield made


@pytest.mark.parametrize("size", [1, 2])
async def test_who_waits_when_the_pool_is_closed_is_told(size: int, login: Login) -> None:
    """Be it for the one connection that there is, or for another one, which PostgreSQL refuses."""
    await login.allow(1)
    pool = pool_of(login, size, min_size=1)
    with pytest.raises(PoolClosed):
        await pool.getconn()
    async with pool:
        connection = await pool.getconn()
        crowd = await waiters(pool, 3)
    answers = await asyncio.gather(*crowd, return_exceptions=True)
    assert {type(answer) for answer in answers} == {PoolClosed}
    with pytest.raises(PoolClosed):
        await pool.getconn()
    await pool.putconn(connection)
    assert connection.closed
    await pool.close()
    await login.has(0)


@pytest.mark.parametrize("turns", range(6))
async def test_a_pool_that_is_closed_leaves_no_connection_open(turns: int, login: Login) -> None:
    """Be they at hand, on their way to somebody, or put back while it is being closed."""
    async with lending(login, 4) as pool:
        held = await all_of(pool)
        crowd = await waiters(pool, 2)
        await put(pool, *held[:3])
        closing = asyncio.create_task(pool.close())
        for _ in range(turns):
            await asyncio.sleep(0)
        await pool.putconn(held[3])
        for answer in await asyncio.gather(*crowd):
            await pool.putconn(answer)
        with suppress(PoolClosed):
            await pool.putconn(await pool.getconn())
        await closing
        assert all(connection.closed for connection in held)
        with pytest.raises(PoolClosed):
            await pool.getconn()
    await login.has(0)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_what_is_at_hand_when_the_pool_is_closed_is_neither_lent_nor_left(cancelled: bool, login: Login) -> None:
    """Its workers take their time, for they try to connect to a server that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with lending(login, 2) as pool:
            connection, broken = await all_of(pool)
            pool.conninfo = f"host=127.0.0.1 port={silent.getsockname()[1]}"
            await broken.close()
            await put(pool, broken, connection)
            await until(pool._tasks.empty)
            closing = asyncio.create_task(pool.close(0.3))
            await turn()
            with pytest.raises(PoolClosed):
                await pool.getconn()
            if cancelled:
                closing.cancel()
            await asyncio.wait([closing])
            assert connection.closed


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_may_end_before_what_is_at_hand_has_been_tidied(loop: str, settings: Settings) -> None:
    """Without a warning, and with a pool that nobody has closed."""

    async def use() -> None:
        pool = Connections(settings.database_url or "", connection_class=Lent, min_size=1, max_size=1, open=False)
        await pool.open(wait=True)
        await pool.putconn(await pool.getconn())
        assert pool.get_stats()["pool_available"] == 1

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(use())
    gc.collect()
