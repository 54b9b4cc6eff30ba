"""What becomes of connections that are not as they should be, and of a pool whose server is gone."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from backend.database.connections import Connections
from backend.settings import Settings
from queries._connection import Connection as Lent
from tests.database import Connection, rows, until
from tests.queries.lending import Login, all_of, counted, is_whole, lending, login_of, put, waiters

pytestmark = pytest.mark.checklist(43, 53)

SEEDS: Final = range(20_261_122, 20_261_127)


@pytest.fixture
async def login(superuser: Connection, settings: Settings) -> AsyncIterator[Login]:
    async with login_of(superuser, settings) as made:
        yield made


async def in_a_transaction(connection: Lent) -> None:
    await connection.execute("BEGIN; SET LOCAL search_path = nowhere")


async def in_one_that_failed(connection: Lent) -> None:
    with suppress(psycopg.Error):
        await connection.execute("BEGIN; SELECT 1 / 0")


async def amid_a_copy(connection: Lent) -> None:
    await connection.execute("BEGIN")
    connection.pgconn.send_query(b"COPY (SELECT generate_series(1, 100000)) TO STDOUT")


async def amid_a_statement(connection: Lent) -> None:
    connection.pgconn.send_query(b"SELECT pg_sleep(0.2)")


async def closed(connection: Lent) -> None:
    await connection.close()


async def ended(connection: Lent) -> None:
    with suppress(psycopg.Error):
        await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def watched(pool: Connections) -> list[Lent]:
    """All of them, which have been used and so notice when the server ends them."""
    held = await all_of(pool)
    for connection in held:
        await connection.ask(("SELECT 1", {}))
    return held


STATES: Final = [in_a_transaction, in_one_that_failed, amid_a_copy, amid_a_statement, closed, ended]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("waits", [False, True])
async def test_nobody_is_lent_what_another_one_has_left_behind(
    state: Callable[[Lent], AsyncIterator[None]], waits: bool, login: Login
) -> None:
    async with lending(login, 1) as pool:
        connection = await pool.getconn()
        crowd = await waiters(pool, waits)
        await state(connection)
        await pool.putconn(connection)
        clean = await (crowd[0] if waits else pool.getconn())
        assert await rows(clean, "SHOW search_path") == [('"$user", public',)]
        assert await rows(clean, "SELECT now() = statement_timestamp()") == [(True,)]
        await pool.putconn(clean)
        await is_whole(pool)


async def test_a_connection_that_is_too_old_is_replaced_however_busy_the_pool_is(login: Login) -> None:
    """Here each is too old as soon as it has been used."""
    async with lending(login, 1, max_lifetime=0) as pool:
        connection, seen = await pool.getconn(), set()
        for one in await waiters(pool, 4):
            seen.add(connection.info.backend_pid)
            await pool.putconn(connection)
            connection = await one
        await pool.putconn(connection)
        assert len(seen) == 4


async def test_connections_that_are_not_needed_are_closed_while_others_are(login: Login) -> None:
    async with lending(login, 4, min_size=1, max_idle=0.1) as pool:

        async def only_one_is_left() -> bool:
            await pool.putconn(await pool.getconn())
            return counted(pool) == (1, 1, 0)

        for _ in range(2):
            await put(pool, *await all_of(pool))
            await until(only_one_is_left)
            await login.has(1)


async def test_without_a_server_everybody_is_refused_and_with_it_everybody_is_served_again(login: Login) -> None:
    async with lending(login, 3, timeout=0.2) as pool:
        held = await watched(pool)
        crowd = await waiters(pool, 5)
        await login.allow(0)
        await login.end()
        await until(lambda: all(connection.closed for connection in held))
        await put(pool, *held)
        answers = await asyncio.gather(*crowd, *(pool.getconn() for _ in range(5)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {PoolTimeout}
        await login.allow(-1)
        pool.timeout = 10
        await is_whole(pool)


@pytest.mark.parametrize("tidied", [False, True])
async def test_connections_that_broke_while_nobody_had_them_are_replaced(tidied: bool, login: Login) -> None:
    async with lending(login, 3) as pool:
        held = await watched(pool)
        await put(pool, *held)
        if tidied:
            await until(lambda: len(pool._pool) == 3)
        await login.end()
        await until(lambda: all(connection.closed for connection in held))
        await is_whole(pool)


class Crowd:
    """Many who do with connections what may be done with them, and what may not."""

    def __init__(self, pool: Connections, seed: int) -> None:
        self.pool = pool
        self.chance = random.Random(seed)
        self.held: set[int] = set()

    async def live(self) -> None:
        for _ in range(self.chance.randrange(3, 12)):
            with suppress(PoolTimeout):
                await self.use(await self.pool.getconn(self.chance.choice([0.001, 0.02, 10])))
        await self.use(await self.pool.getconn())

    async def use(self, connection: Lent) -> None:
        process = connection.info.backend_pid
        assert process not in self.held
        self.held.add(process)
        try:
            assert await rows(connection, "SELECT pg_backend_pid()") == [(process,)]
            for _ in range(self.chance.randrange(4)):
                await asyncio.sleep(0)
            if self.chance.random() < 0.2:
                await self.chance.choice(STATES)(connection)
        finally:
            self.held.discard(process)
            await self.pool.putconn(connection)


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_a_crowd_does_the_connections_are_all_there_again(seed: int, login: Login) -> None:
    async with lending(login, 4, min_size=1) as pool:
        crowd = Crowd(pool, seed)
        tasks = [asyncio.create_task(crowd.live()) for _ in range(40)]
        for task in crowd.chance.sample(tasks, 25):
            for _ in range(crowd.chance.randrange(60)):
                await asyncio.sleep(0)
            task.cancel()
        async with asyncio.timeout(60):
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(end) for end in ends} == {type(None), asyncio.CancelledError}
        assert ends.count(None) >= 15
        await is_whole(pool)
        await login.has(4)
