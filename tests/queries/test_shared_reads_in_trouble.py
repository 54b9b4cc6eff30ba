"""Shared reads when something goes wrong: a break, silence, a queue that is full, and hundreds at once."""

import asyncio
import random
from contextlib import suppress
from typing import Final
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from backend.errors import Overloaded
from backend.faults import problem_of
from queries import _connection, _sharing, items, users
from queries._fetch import Cheap, Conn, execute
from queries._sharing import ReadsOverloaded
from queries.items import Item
from queries.versioned import Versioned
from tests.database import until
from tests.queries.sharing import Changed, Shared, callers, owner, reader

pytestmark = pytest.mark.checklist(44, 45)

SEED: Final = 20_261_123
DIVIDE: Final = Cheap("SELECT 1 / %(by)s::int AS number")


async def test_a_connection_that_breaks_fails_all_who_shared_it_and_nobody_after(shared: Shared) -> None:
    for _ in range(2):
        with shared.wire.silent() as asked:
            crowd = [asyncio.ensure_future(owner(reader(shared, number))) for number in range(4)]
            await until(asked)
            shared.wire.cut()
        found = await asyncio.gather(*crowd, return_exceptions=True)
        assert [type(one) for one in found] == [psycopg.OperationalError] * 4
        await shared.is_clean()


async def test_who_asked_a_database_that_fell_silent_asks_again_alone(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sharing, "_GRACE_SECONDS", 0.05)
    monkeypatch.setattr(_connection, "_CANCEL_SECONDS", 0.1)
    told = len(shared.wire.asked)
    with shared.wire.silent():
        async with asyncio.timeout(30):
            found = await asyncio.gather(*(owner(reader(shared, number, timeout_ms=200)) for number in range(2)))
        assert found == [person.user_id for person in shared.people]
    assert callers(shared.wire.asked[told:]) == [2, 0, 1, 1], "the SET is the new connection's"
    await shared.is_clean()


async def test_who_waits_too_long_or_behind_too_many_is_refused(shared_with: Changed) -> None:
    async with shared_with(POOL_MAX_WAITING="1", POOL_TIMEOUT="0.1") as shared:
        for _ in range(2):
            held = await shared.pool.getconn()
            waiting = asyncio.ensure_future(owner(reader(shared)))
            await until(lambda: shared.pool.get_stats()["requests_waiting"] == 1)
            with pytest.raises(ReadsOverloaded) as refused:
                await owner(reader(shared, 1))
            assert isinstance(problem_of(refused.value), Overloaded)
            with pytest.raises((PoolTimeout, ReadsOverloaded)):
                await waiting
            await shared.pool.putconn(held)
            assert await asyncio.wait_for(owner(reader(shared, 1)), 10) == shared.people[1].user_id
        await shared.is_clean()


async def test_who_was_cancelled_does_not_wait_any_more(shared_with: Changed) -> None:
    """Nor does he keep anybody out of the queue."""
    async with shared_with(POOL_MAX_WAITING="1") as shared:
        held = await shared.pool.getconn()
        for _ in range(3):
            waiting = asyncio.ensure_future(owner(reader(shared)))
            await asyncio.sleep(0)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        his = asyncio.ensure_future(owner(reader(shared, 1)))
        await asyncio.sleep(0)
        await shared.pool.putconn(held)
        assert await his == shared.people[1].user_id
        await shared.is_clean()


async def test_who_finds_no_place_for_a_message_is_refused_in_time(shared_with: Changed) -> None:
    """There are connections, but as many messages are under way as may be."""
    async with shared_with(POOL_MIN_SIZE="3", POOL_MAX_SIZE="3", POOL_TIMEOUT="0.2") as shared:
        for _ in range(2):
            await until(lambda: shared.pool.get_stats()["pool_available"] == 3)
            with shared.wire.silent():
                crowd, asked = [], shared.wire.trips.asked
                for number in range(2):
                    crowd.append(asyncio.ensure_future(owner(reader(shared, number))))
                    await until(lambda asked=asked, number=number: shared.wire.trips.asked == asked + number + 1)
                with pytest.raises(ReadsOverloaded):
                    await owner(reader(shared))
                assert shared.pool.get_stats()["pool_available"] == 1
            assert await asyncio.gather(*crowd) == [person.user_id for person in shared.people]
            assert await asyncio.wait_for(owner(reader(shared, 1)), 10) == shared.people[1].user_id


async def wish(shared: Shared, things: list[Versioned[Item]], number: int, kind: str) -> None:
    """One read of the many, which knows what its caller may see."""
    mine, who = things[number % 2], reader(shared, number)
    if kind == "find":
        assert await items.find(who, mine.row.id) == mine
        assert await items.find(who, things[(number + 1) % 2].row.id) is None
    elif kind == "page":
        assert await owner(who) == mine.row.owner_id
    elif kind == "me":
        me = await users.find_me(who)
        assert me
        assert me.id == mine.row.owner_id
    elif kind == "divide":
        with pytest.raises(psycopg.errors.DivisionByZero):
            await execute(who, DIVIDE, by=0)
    else:
        with pytest.raises(psycopg.errors.RaiseException):
            await owner(reader(shared, number, session_id=uuid4()))


async def test_of_hundreds_of_reads_each_is_answered_to_whoever_asked(shared_with: Changed) -> None:
    chance = random.Random(SEED)
    kinds = ("find", "page", "me", "divide", "enter")
    async with shared_with(POOL_MAX_WAITING="1000") as shared:
        things = [await items.add(Conn(shared.pool, person), "A thing", None) for person in shared.people]
        crowd: list[asyncio.Task[None]] = []
        for _ in range(400):
            (kind,) = chance.choices(kinds, weights=(10, 10, 10, 1, 1))
            crowd.append(asyncio.create_task(wish(shared, things, chance.randrange(2), kind)))
            for _ in range(chance.choice((0, 0, 0, 1, 4))):
                await asyncio.sleep(0)
            if chance.random() < 0.1:
                chance.choice(crowd).cancel()
        async with asyncio.timeout(30):
            ends = await asyncio.gather(*crowd, return_exceptions=True)
        assert {type(end) for end in ends} == {type(None), asyncio.CancelledError}
        assert ends.count(None) > 300
        await shared.is_clean()
