"""Who is lent a connection, and when: nobody waits while there is one, and nobody is overtaken."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from psycopg_pool import PoolTimeout, TooManyRequests

from backend.settings import Settings
from queries._connection import Connection as Lent
from tests.database import Connection
from tests.queries.lending import Login, all_of, counted, is_whole, lending, login_of, put, turn, waiters

pytestmark = pytest.mark.checklist(53)


@pytest.fixture
async def login(superuser: Connection, settings: Settings) -> AsyncIterator[Login]:
    async with login_of(superuser, settings) as made:
        yield made


async def test_a_connection_goes_to_whoever_has_waited_longest(login: Login) -> None:
    async with lending(login, 1) as pool:
        connection = await pool.getconn()
        crowd = await waiters(pool, 5)
        for served in range(5):
            await pool.putconn(connection)
            assert await crowd[served] is connection
            await turn()
            assert [one.done() for one in crowd] == [True] * (served + 1) + [False] * (4 - served)
        await pool.putconn(connection)
        await is_whole(pool)


async def test_a_connection_that_nobody_waits_for_is_there_for_the_next(login: Login) -> None:
    async with lending(login, 2) as pool:
        held = await all_of(pool)
        await put(pool, *held)
        assert {id(one) for one in await all_of(pool)} == {id(one) for one in held}
        await put(pool, *held)
        await is_whole(pool)


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("before", [False, True])
async def test_who_is_cancelled_when_it_is_his_turn_passes_the_connection_on(
    before: bool, others: int, login: Login
) -> None:
    """Be it just after or just before the connection is put back: he has noticed neither yet."""
    async with lending(login, 1) as pool:
        connection = await pool.getconn()
        cancelled, *crowd = await waiters(pool, 1 + others)
        if before:
            cancelled.cancel()
        await pool.putconn(connection)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert [await one for one in crowd] == [connection] * others
        await put(pool, *[connection] * others)
        await is_whole(pool)


async def test_who_is_cancelled_while_he_waits_leaves_the_queue(login: Login) -> None:
    async with lending(login, 1, max_waiting=2) as pool:
        connection = await pool.getconn()
        first, cancelled = await waiters(pool, 2)
        cancelled.cancel()
        await turn()
        assert counted(pool) == (1, 0, 1)
        (last,) = await waiters(pool, 1)
        for one in (first, last):
            await pool.putconn(connection)
            assert await one is connection
        await pool.putconn(connection)
        await is_whole(pool)


async def test_who_is_cancelled_when_he_is_refused_is_cancelled(login: Login) -> None:
    """Whoever cancels a task relies on its end."""
    async with lending(login, 1) as pool:
        connection = await pool.getconn()
        (refused,) = await waiters(pool, 1)
        pool._refuse(pool._queue[0])
        refused.cancel()
        with pytest.raises(asyncio.CancelledError):
            await refused
        await pool.putconn(connection)
        await is_whole(pool)


async def test_who_waits_too_long_is_refused_and_keeps_nobody_from_his_turn(login: Login) -> None:
    async with lending(login, 1) as pool:
        connection = await pool.getconn()
        late = asyncio.create_task(pool.getconn(0.05))
        (patient,) = await waiters(pool, 1)
        with pytest.raises(PoolTimeout):
            await asyncio.wait_for(late, 10)
        await pool.putconn(connection)
        assert await patient is connection
        await pool.putconn(connection)
        await is_whole(pool)


async def test_a_broken_connection_is_replaced_for_whoever_has_waited_longest(login: Login) -> None:
    """Neither is he overtaken by who comes at that moment, nor refused for the many who wait behind him."""
    async with lending(login, 1, max_waiting=3) as pool:
        connection = await pool.getconn()
        crowd = await waiters(pool, 2)
        await connection.close()
        crowd.append(asyncio.create_task(pool.getconn()))
        await pool.putconn(connection)
        await turn()
        with pytest.raises(TooManyRequests):
            await pool.getconn()
        for number, one in enumerate(crowd):
            connection = await one
            assert [later.done() for later in crowd[number + 1 :]] == [False] * (2 - number)
            await pool.putconn(connection)
        await is_whole(pool)


@pytest.mark.parametrize("others", [0, 1])
async def test_who_is_cancelled_when_he_may_ask_for_a_new_one_passes_that_on(login: Login, others: int) -> None:
    """And is not counted among those who wait."""
    async with lending(login, 1, max_waiting=2) as pool:
        connection = await pool.getconn()
        cancelled, *crowd = await waiters(pool, 1 + others)
        await connection.close()
        await pool.putconn(connection)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await put(pool, *[await one for one in crowd])
        connection = await pool.getconn()
        crowd = await waiters(pool, 2)
        for one in crowd:
            await pool.putconn(connection)
            connection = await one
        await pool.putconn(connection)
        await is_whole(pool)


async def test_who_waits_for_a_new_connection_gets_one_that_comes_back(login: Login) -> None:
    """PostgreSQL refuses more than one, and so the pool cannot grow."""
    await login.allow(1)
    async with lending(login, 3, min_size=1) as pool:
        connection = await pool.getconn()
        crowd = await waiters(pool, 6)
        for number, one in enumerate(crowd):
            await pool.putconn(connection)
            assert await one is connection
            await turn()
            assert [later.done() for later in crowd[number + 1 :]] == [False] * (5 - number)
        await login.allow(-1)
        await pool.putconn(connection)
        await is_whole(pool)


async def test_nobody_waits_for_a_new_connection_while_one_is_at_hand(login: Login) -> None:
    """One that comes back, just after a broken one, is his whose turn it was; before anything is tidied up."""
    async with lending(login, 2, timeout=0.5) as pool:
        broken, connection = await all_of(pool)
        (waiting,) = await waiters(pool, 1)
        await login.allow(0)
        await broken.close()
        await put(pool, broken, connection)
        assert await waiting is connection
        await login.allow(-1)
        await pool.putconn(connection)
        pool.timeout = 10
        await is_whole(pool)


async def test_one_at_hand_is_lent_although_another_one_has_broken(login: Login) -> None:
    async with lending(login, 2, timeout=0.5) as pool:
        connection, broken = await all_of(pool)
        await put(pool, connection, broken)
        await login.allow(0)
        await broken.close()
        assert await pool.getconn() is connection
        await login.allow(-1)
        await pool.putconn(connection)
        pool.timeout = 10
        await is_whole(pool)


async def test_no_more_wait_than_may_wherever_they_wait(login: Login) -> None:
    await login.allow(1)
    async with lending(login, 2, min_size=1, max_waiting=2) as pool:
        connection = await pool.getconn()
        crowd = await waiters(pool, 2)
        with pytest.raises(TooManyRequests):
            await pool.getconn()
        assert counted(pool) == (2, 0, 2)
        assert pool.pop_stats()["requests_waiting"] == 2
        for one in crowd:
            await pool.putconn(connection)
            assert await one is connection
        await login.allow(-1)
        await pool.putconn(connection)
        await is_whole(pool)


@pytest.mark.parametrize("waits", [False, True])
async def test_a_connection_that_is_put_back_twice_is_lent_once(login: Login, waits: bool) -> None:
    async with lending(login, 1) as pool:
        connection = await pool.getconn()
        crowd = await waiters(pool, 2 * waits)
        await pool.putconn(connection)
        with pytest.raises(ValueError, match="doesn't come from any pool"):
            await pool.putconn(connection)
        for one in crowd:
            await pool.putconn(await one)
        await is_whole(pool)


async def test_a_connection_of_somebody_else_is_not_lent(login: Login) -> None:
    async with lending(login, 1) as pool, await Lent.connect(login.url, autocommit=True) as other:
        with pytest.raises(ValueError, match="doesn't come from any pool"):
            await pool.putconn(other)
        await is_whole(pool)
