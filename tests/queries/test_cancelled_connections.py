"""A connection comes back clean from a task that was cancelled, at whatever point that was."""

import asyncio
import random
from contextlib import suppress
from typing import Final

import pytest

from backend.database.connections import Connections
from queries.context import Context
from tests.database import Connection, rows, until
from tests.queries.sharing import Shared, Wish, reading, writing, writing_twice

pytestmark = pytest.mark.checklist(43)

SEED: Final = 20_261_122


async def turns_of(wish: Wish, pool: Connections, who: Context) -> int:
    """How often the event loop turns until it is done."""
    task, turns = asyncio.ensure_future(wish(pool, who)), 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    await task
    return turns


async def cancelled(wish: Wish, shared: Shared, who: Context, *turns: int) -> None:
    """Cancels it after so many turns of the event loop, and again after so many more."""
    task = asyncio.ensure_future(wish(shared.pool, who))
    for some in turns:
        for _ in range(some):
            await asyncio.sleep(0)
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await shared.is_clean()


@pytest.mark.parametrize("wish", [reading, writing, writing_twice], ids=lambda wish: wish.__name__)
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
async def test_a_connection_is_clean_after_a_task_was_cancelled_at_any_point(
    wish: Wish, times: int, shared: Shared, superuser: Connection
) -> None:
    chance = random.Random(SEED)
    for attempt in range(12):
        who = shared.people[attempt % 2]
        most = await turns_of(wish, shared.pool, who)
        await cancelled(wish, shared, who, *(chance.randrange(most // (number + 1) + 1) for number in range(times)))
    halves = "SELECT owner_id, count(*) FILTER (WHERE title = 'first'), count(*) FILTER (WHERE title = 'second')"
    for _, firsts, seconds in await rows(superuser, f"{halves} FROM items GROUP BY owner_id"):
        assert firsts == seconds


@pytest.mark.parametrize("wish", [reading, writing, writing_twice], ids=lambda wish: wish.__name__)
async def test_a_connection_is_clean_after_a_task_was_cancelled_while_it_waited_for_an_answer(
    wish: Wish, shared: Shared
) -> None:
    for person in shared.people:
        with shared.wire.silent() as asked:
            task = asyncio.ensure_future(wish(shared.pool, person))
            await until(asked)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await shared.is_clean()


async def test_a_connection_is_clean_after_crowds_were_cancelled_in_the_queue(shared: Shared) -> None:
    chance = random.Random(SEED)
    for _ in range(10):
        crowd = [asyncio.ensure_future(writing(shared.pool, shared.people[n % 2])) for n in range(8)]
        for task in chance.sample(crowd, 5):
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        await shared.is_clean()
