"""A connection comes back clean, whatever became of its request: a pool of one, and two people who share it."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple
from uuid import uuid4

import psycopg
import pytest
from litestar import Litestar
from msgspec import Struct
from msgspec.structs import replace
from psycopg.pq import TransactionStatus

from backend.contracts.pages import NEWEST
from backend.database.pool import Connections, create_pool
from backend.settings import Settings
from queries import items
from queries._fetch import ColumnMismatch, Conn, execute, fetch_one
from queries.context import Context
from tests.database import Connection, context_of, introduce, rows, until
from tests.wire import Wire

pytestmark = pytest.mark.checklist(43)

SEED: Final = 20_261_122
STATE: Final = """
SELECT nullif(current_setting('lodestar.user_id', true), ''), nullif(current_setting('lodestar.session_id', true), ''),
       current_setting('statement_timeout'), current_setting('lock_timeout'),
       current_setting('idle_in_transaction_session_timeout'), current_setting('transaction_read_only')
"""
CLEAN: Final = (None, None, "0", "0", "0", "off")


class Shared(NamedTuple):
    """One connection, along a wire, and the two who share it."""

    pool: Connections
    wire: Wire
    people: tuple[Context, Context]

    async def is_clean(self) -> None:
        """The connection is in the pool and knows nothing of who had it last; both see what is theirs, and no more."""
        await until(lambda: self.pool.get_stats()["pool_available"] == 1)
        connection = await self.pool.getconn()
        try:
            assert connection.info.transaction_status == TransactionStatus.IDLE
            assert await rows(connection, STATE) == [CLEAN]
            assert await rows(connection, "SELECT FROM items") == []
        finally:
            await self.pool.putconn(connection)
        for person in self.people:
            seen = await items.page(Conn(self.pool, person), NEWEST, 100)
            assert {item.owner_id for item in seen} == {person.user_id}
        stats = self.pool.get_stats()
        assert (stats["pool_size"], stats["pool_available"], stats["requests_waiting"]) == (1, 1, 0)


@pytest.fixture
async def shared(
    superuser: Connection, app: Litestar, settings: Settings, settings_with: Callable[..., Settings]
) -> AsyncIterator[Shared]:
    people = [context_of(app, await introduce(superuser, app, settings, name)) for name in ("ada", "bob")]
    async with sharing(settings_with, people[0], people[1]) as pool:
        yield pool


@asynccontextmanager
async def sharing(settings_with: Callable[..., Settings], ada: Context, bob: Context) -> AsyncIterator[Shared]:
    url = settings_with().database_url
    assert url
    async with Wire.to(url) as wire:
        pool = create_pool(settings_with(DATABASE_URL=wire.url, POOL_MIN_SIZE="1", POOL_MAX_SIZE="1"))
        async with pool:
            await pool.wait()
            for person in (ada, bob):
                await items.add(Conn(pool, person), "A lens", None)
            yield Shared(pool, wire, (ada, bob))


class Other(Struct, frozen=True):
    """Nothing that a statement here gives."""

    other: int


async def reading(pool: Connections, who: Context) -> None:
    await items.page(Conn(pool, who), NEWEST, 20)


async def writing(pool: Connections, who: Context) -> None:
    await items.add(Conn(pool, who), "A lens", None)


async def writing_twice(pool: Connections, who: Context) -> None:
    async with Conn(pool, who).transaction() as transaction:
        await items.add(transaction, "first", None)
        await items.add(transaction, "second", None)


async def reading_only(pool: Connections, who: Context) -> None:
    await reading(pool, replace(who, read_only=True))


async def writing_where_one_may_only_read(pool: Connections, who: Context) -> None:
    await writing(pool, replace(who, read_only=True))


async def failing(pool: Connections, who: Context) -> None:
    await execute(Conn(pool, who), "SELECT 1 / 0")


async def failing_after_a_write(pool: Connections, who: Context) -> None:
    async with Conn(pool, who).transaction() as transaction:
        await items.add(transaction, "first", None)
        await execute(transaction, "SELECT 1 / 0")


async def raising_after_a_write(pool: Connections, who: Context) -> None:
    async with Conn(pool, who).transaction() as transaction:
        await items.add(transaction, "first", None)
        raise LookupError


async def going_on_after_a_failure(pool: Connections, who: Context) -> None:
    async with Conn(pool, who).transaction() as transaction:
        await items.add(transaction, "first", None)
        with suppress(psycopg.Error):
            await execute(transaction, "SELECT 1 / 0")


async def entering_a_session_that_has_ended(pool: Connections, who: Context) -> None:
    await reading(pool, replace(who, session_id=uuid4()))


async def entering_such_a_session_for_several(pool: Connections, who: Context) -> None:
    await writing_twice(pool, replace(who, session_id=uuid4()))


async def taking_too_long(pool: Connections, who: Context) -> None:
    await execute(Conn(pool, replace(who, timeout_ms=50)), "SELECT pg_sleep(60)")


async def taking_too_long_after_a_write(pool: Connections, who: Context) -> None:
    async with Conn(pool, replace(who, timeout_ms=50)).transaction() as transaction:
        await items.add(transaction, "first", None)
        await execute(transaction, "SELECT pg_sleep(60)")


async def being_timed_out(pool: Connections, who: Context) -> None:
    async with asyncio.timeout(0.05):
        await execute(Conn(pool, who), "SELECT pg_sleep(60)")


async def being_timed_out_after_a_write(pool: Connections, who: Context) -> None:
    async with asyncio.timeout(0.05), Conn(pool, who).transaction() as transaction:
        await items.add(transaction, "first", None)
        await asyncio.Event().wait()


async def saying_what_cannot_be_sent(pool: Connections, who: Context) -> None:
    await execute(Conn(pool, who), "SELECT %(thing)s", thing=object())


async def leaving_out_a_value(pool: Connections, who: Context) -> None:
    await execute(Conn(pool, who), items.FIND)


async def expecting_other_columns(pool: Connections, who: Context) -> None:
    await fetch_one(Conn(pool, who), Other, items.ADD, title="A lens", description=None)


type Wish = Callable[[Connections, Context], Awaitable[None]]

WISHES: Final[dict[Wish, type[BaseException] | None]] = {
    reading: None,
    reading_only: None,
    writing: None,
    writing_twice: None,
    writing_where_one_may_only_read: psycopg.errors.ReadOnlySqlTransaction,
    failing: psycopg.errors.DivisionByZero,
    failing_after_a_write: psycopg.errors.DivisionByZero,
    raising_after_a_write: LookupError,
    going_on_after_a_failure: psycopg.errors.InFailedSqlTransaction,
    entering_a_session_that_has_ended: psycopg.errors.RaiseException,
    entering_such_a_session_for_several: psycopg.errors.RaiseException,
    taking_too_long: psycopg.errors.QueryCanceled,
    taking_too_long_after_a_write: psycopg.errors.QueryCanceled,
    being_timed_out: TimeoutError,
    being_timed_out_after_a_write: TimeoutError,
    saying_what_cannot_be_sent: psycopg.ProgrammingError,
    leaving_out_a_value: psycopg.ProgrammingError,
    expecting_other_columns: ColumnMismatch,
}


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: wish.__name__)
async def test_a_connection_is_clean_after(wish: Wish, shared: Shared) -> None:
    refusal = WISHES[wish]
    for person in shared.people:
        if refusal is None:
            await wish(shared.pool, person)
        else:
            with pytest.raises(refusal):
                await wish(shared.pool, person)
        await shared.is_clean()


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


async def test_a_connection_that_was_cut_is_replaced_by_a_clean_one(shared: Shared) -> None:
    for wish in (reading, writing_twice):
        shared.wire.cut()
        with pytest.raises(psycopg.OperationalError):
            await wish(shared.pool, shared.people[0])
        await shared.is_clean()
