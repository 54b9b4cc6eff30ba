"""A connection comes back clean, whatever became of its request."""

import asyncio
from contextlib import suppress
from typing import Final
from uuid import uuid4

import psycopg
import pytest
from msgspec import Struct
from msgspec.structs import replace

from backend.database.connections import Connections
from queries import items
from queries._fetch import ColumnMismatch, Conn, execute, fetch_one
from queries.context import Context
from tests.queries.sharing import Shared, Wish, reading, writing, writing_twice

pytestmark = pytest.mark.checklist(43)


class Other(Struct, frozen=True):
    """Nothing that a statement here gives."""

    other: int


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


async def test_a_connection_that_was_cut_is_replaced_by_a_clean_one(shared: Shared) -> None:
    for wish in (reading, writing_twice):
        shared.wire.cut()
        with pytest.raises(psycopg.OperationalError):
            await wish(shared.pool, shared.people[0])
        await shared.is_clean()
