"""A statement that lost against another one is tried again, three times in all; a transaction of several is not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

import psycopg
import pytest
from litestar import Litestar

from backend.errors import Overloaded
from backend.faults import problem_of
from queries import items
from queries._fetch import Conn, execute
from tests.database import Connection, context_of, rows, until
from tests.people import Person

pytestmark = pytest.mark.checklist(66)

# A sequence counts what was tried, for it does not roll back.
LOSE: Final = """
DO $$
BEGIN
    IF nextval('tries') < {wins_at} THEN
        RAISE EXCEPTION USING ERRCODE = '{state}';
    END IF;
END;
$$
"""


@pytest.fixture
async def tries(superuser: Connection) -> AsyncIterator[None]:
    await superuser.execute("CREATE SEQUENCE tries; GRANT USAGE ON SEQUENCE tries TO lodestar_runtime")
    yield
    await superuser.execute("DROP SEQUENCE tries")


async def tried(superuser: Connection) -> int:
    ((count,),) = await rows(superuser, "SELECT last_value FROM tries")
    return int(count)


@pytest.fixture
def conn(app: Litestar, ada: Person) -> Conn:
    return Conn(app.state.pool, context_of(app, ada))


@pytest.mark.parametrize("state", ["40001", "40P01"])
@pytest.mark.usefixtures("tries")
async def test_a_statement_that_lost_twice_can_still_win(state: str, conn: Conn, superuser: Connection) -> None:
    await execute(conn, LOSE.format(wins_at=3, state=state))
    assert await tried(superuser) == 3


@pytest.mark.parametrize("state", ["40001", "40P01"])
@pytest.mark.usefixtures("tries")
async def test_a_statement_that_lost_three_times_is_refused_as_overload(
    state: str, conn: Conn, superuser: Connection
) -> None:
    with pytest.raises(psycopg.OperationalError) as lost:
        await execute(conn, LOSE.format(wins_at=100, state=state))
    assert await tried(superuser) == 3
    assert lost.value.sqlstate == state
    assert isinstance(problem_of(lost.value), Overloaded)


@pytest.mark.usefixtures("tries")
async def test_no_other_failure_is_tried_again(conn: Conn, superuser: Connection) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        await execute(conn, LOSE.format(wins_at=100, state="23505"))
    assert await tried(superuser) == 1


@pytest.mark.usefixtures("tries")
async def test_within_a_transaction_nothing_is_tried_again(conn: Conn, superuser: Connection) -> None:
    with pytest.raises(psycopg.errors.SerializationFailure):
        async with conn.transaction() as transaction:
            await execute(transaction, LOSE.format(wins_at=100, state="40001"))
    assert await tried(superuser) == 1


EMBRACE: Final = "SELECT FROM items WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR UPDATE"


async def test_who_loses_a_deadlock_waits_for_the_winner_and_then_succeeds(conn: Conn, superuser: Connection) -> None:
    first, second = sorted([(await items.add(conn, title, None)).row.id for title in ("first", "second")])
    await superuser.execute("SET deadlock_timeout = '1min'")  # So it is the other one that notices, and loses.
    async with superuser.transaction():
        await hold(superuser, second)
        losing = asyncio.create_task(execute(conn, EMBRACE, ids=[first, second]))
        blocked = "SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        await until(lambda: rows(superuser, blocked))
        await hold(superuser, first)
    assert await losing == 2


async def hold(superuser: Connection, item_id: UUID) -> None:
    await superuser.execute("SELECT FROM items WHERE id = %s FOR UPDATE", (item_id,))
