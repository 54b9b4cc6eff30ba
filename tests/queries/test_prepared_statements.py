"""Statements are prepared on first use, on the way, and what was prepared and fits no longer is nobody's fault."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final

import psycopg
import pytest
from litestar import Litestar
from msgspec import Struct
from msgspec.structs import replace

from backend.contracts.pages import NEWEST
from backend.database.connections import Connections
from backend.database.pool import create_pool
from backend.errors import DatabaseUnavailable
from backend.faults import problem_of
from backend.settings import Settings
from queries import context, items, sessions, users
from queries._connection import Connection as Asking
from queries._connection import StalePlan
from queries._fetch import Cheap, Conn, execute, fetch_all, fetch_one
from queries._statements import parsed
from queries.context import Context
from tests.database import Connection, context_of, introduce, rows, until
from tests.people import Person
from tests.queries.sharing import Shared, reading, writing

SEED: Final = 20_261_123
KEEP: Final = "INSERT INTO scratch (thing) VALUES (%(thing)s) RETURNING thing::text"
LOOK: Final = "SELECT thing FROM scratch WHERE thing::text <> %(other)s"
CHEAP_LOOK: Final = Cheap(LOOK + " ")

type Pools = Callable[[int], AbstractAsyncContextManager[Connections]]
type Staleness = Callable[[Connection, Connections], Awaitable[None]]


class Thing(Struct, frozen=True):
    thing: str | int


class Value(Struct, frozen=True):
    value: str | None


@pytest.fixture
async def scratch(superuser: Connection) -> AsyncIterator[None]:
    """A table that can change under a statement."""
    await superuser.execute("CREATE TABLE scratch (thing integer)")
    await superuser.execute("GRANT SELECT, INSERT ON scratch TO lodestar_runtime")
    yield
    await superuser.execute("DROP TABLE scratch")


@pytest.fixture
def who(app: Litestar, ada: Person) -> Context:
    return context_of(app, ada)


@pytest.fixture
def pools(settings_with: Callable[..., Settings]) -> Pools:
    """A pool of so many connections."""

    @asynccontextmanager
    async def built(size: int) -> AsyncIterator[Connections]:
        pool = create_pool(settings_with(POOL_MIN_SIZE=str(size), POOL_MAX_SIZE=str(size)))
        async with pool:
            await pool.wait()
            yield pool

    return built


async def on_each(pool: Connections, act: Callable[[Asking], Awaitable[object]]) -> list[object]:
    """What came of something that was done on every connection of the pool."""
    size = pool.get_stats()["pool_max"]
    held = [await pool.getconn() for _ in range(size)]
    try:
        return [await act(connection) for connection in held]
    finally:
        for connection in held:
            await pool.putconn(connection)


async def warm(pool: Connections, who: Context, *statements: tuple[str, dict[str, object]]) -> None:
    """Prepares the statements on every connection."""

    async def prepare(connection: Asking) -> None:
        await connection.ask((context.ENTER, who.parameters()), *statements)

    await on_each(pool, prepare)


async def change_the_type(superuser: Connection, pool: Connections) -> None:
    await superuser.execute("ALTER TABLE scratch ALTER thing TYPE text")


async def deallocate(superuser: Connection, pool: Connections) -> None:
    await on_each(pool, lambda connection: connection.execute("DEALLOCATE ALL"))


STALE: Final[list[Staleness]] = [change_the_type, deallocate]
stale = pytest.mark.parametrize("becomes_stale", STALE, ids=lambda act: act.__name__)


async def asked(shared: Shared, wish: Awaitable[object]) -> list[str]:
    """The messages that it took."""
    told = len(shared.wire.asked)
    await wish
    return shared.wire.asked[told:]


async def test_a_statement_is_prepared_in_the_message_that_first_uses_it(shared: Shared) -> None:
    person = shared.people[0]
    (first,) = await asked(shared, sessions.mine(Conn(shared.pool, person)))
    (second,) = await asked(shared, sessions.mine(Conn(shared.pool, person)))
    name = parsed(sessions.MINE).name.decode()
    assert re.findall(r"PREPARE (\w+)", first) == [name]
    assert re.findall(r"EXECUTE (\w+)", first) == [parsed(context.ENTER).name.decode(), name]
    assert "PREPARE" not in second
    assert "SELECT" not in second
    assert second.count("EXECUTE") == 2


async def test_what_is_asked_twice_in_a_message_is_prepared_once(shared: Shared) -> None:
    readers = [Conn(shared.pool, replace(person, read_only=True)) for person in shared.people]
    (message,) = await asked(shared, asyncio.gather(*(users.find_me(reader) for reader in readers)))
    assert (message.count("PREPARE users_"), message.count("EXECUTE users_")) == (1, 2)


async def test_a_statement_stays_prepared_when_its_first_use_failed(shared: Shared) -> None:
    conn, divide = Conn(shared.pool, shared.people[0]), "SELECT (1 / %(by)s::int)::text AS thing"
    with pytest.raises(psycopg.errors.DivisionByZero):
        await execute(conn, divide, by=0)
    (message,) = await asked(shared, fetch_one(conn, Thing, divide, by=1))
    assert "PREPARE" not in message


async def test_what_was_prepared_in_a_transaction_outlives_it(shared: Shared) -> None:
    conn, divide = Conn(shared.pool, shared.people[0]), "SELECT (2 / %(by)s::int)::text AS thing"
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with conn.transaction() as transaction:
            await execute(transaction, divide, by=0)
    (message,) = await asked(shared, execute(conn, divide, by=1))
    assert "PREPARE" not in message


async def test_a_statement_that_cannot_be_prepared_is_not_believed_to_be(shared: Shared) -> None:
    conn = Conn(shared.pool, shared.people[0])
    for _ in range(2):
        with pytest.raises(psycopg.errors.UndefinedTable):
            await execute(conn, "SELECT FROM nothing")
    await shared.is_clean()


def names_of(connection: Asking) -> set[bytes]:
    assert connection.prepared is not None
    return connection.prepared


async def is_noted(pool: Connections) -> None:
    """What the connections believe to be prepared on them is just what is."""

    async def compare(connection: Asking) -> None:
        found = await rows(connection, "SELECT name FROM pg_prepared_statements")  # type: ignore[arg-type]  # Rows are.
        assert {name.encode() for (name,) in found} == names_of(connection)

    await on_each(pool, compare)


async def test_a_connection_knows_what_is_prepared_on_it_at_whatever_point_a_caller_was_cancelled(
    shared: Shared,
) -> None:
    chance = random.Random(SEED)
    conn = Conn(shared.pool, shared.people[0])
    for attempt in range(60):
        statement = f"SELECT ({attempt} + %(value)s::int)::text AS thing"
        task = asyncio.ensure_future(execute(conn, statement, value=attempt))
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await until(lambda: shared.pool.get_stats()["pool_available"] == 1)
        await is_noted(shared.pool)
        assert await fetch_one(conn, Thing, statement, value=attempt) == Thing(str(2 * attempt))
    await shared.is_clean()


async def test_who_is_cancelled_while_the_database_is_silent_leaves_no_name_behind(shared: Shared) -> None:
    for wish in (reading, writing):
        with shared.wire.silent() as has_asked:
            task = asyncio.ensure_future(wish(shared.pool, shared.people[0]))
            await until(has_asked)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await wish(shared.pool, shared.people[0])
        await is_noted(shared.pool)


@stale
@pytest.mark.parametrize("statement", [LOOK, CHEAP_LOOK], ids=["alone", "cheap"])
@pytest.mark.usefixtures("scratch")
async def test_a_stale_statement_is_asked_again_by_itself_whoever_asks(
    becomes_stale: Staleness, statement: str, pools: Pools, who: Context, superuser: Connection
) -> None:
    """Also with several connections which are all as stale, and for several callers at once."""
    reader = replace(who, read_only=True)
    async with pools(3) as pool:
        values: dict[str, object] = {"other": "0"}
        await superuser.execute("INSERT INTO scratch VALUES (1)")
        await warm(pool, reader, (statement, values))
        await becomes_stale(superuser, pool)
        conn = Conn(pool, reader)
        for _ in range(2):
            found = await asyncio.gather(*(fetch_all(conn, Thing, statement, **values) for _ in range(20)))
            assert {str(thing.thing) for things in found for thing in things} == {"1"}
            assert [len(things) for things in found] == [1] * 20
        await until(lambda: pool.get_stats()["pool_available"] == 3)
        await is_noted(pool)


@stale
@pytest.mark.usefixtures("scratch")
async def test_a_write_of_a_stale_statement_is_done_once(
    becomes_stale: Staleness, pools: Pools, who: Context, superuser: Connection
) -> None:
    async with pools(2) as pool:
        await warm(pool, who, (KEEP, {"thing": 1}), (LOOK, {"other": "0"}))
        await becomes_stale(superuser, pool)
        for thing in range(2, 6):
            await execute(Conn(pool, who), KEEP, thing=thing)
        assert await rows(superuser, "SELECT thing::int FROM scratch ORDER BY 1") == [(n,) for n in (1, 1, 2, 3, 4, 5)]


@stale
@pytest.mark.usefixtures("scratch")
async def test_in_a_transaction_a_stale_statement_is_unavailable_and_nothing_was_done(
    becomes_stale: Staleness, pools: Pools, who: Context, superuser: Connection
) -> None:
    async with pools(1) as pool:
        await warm(pool, who, (LOOK, {"other": "0"}))

        async def stumble() -> None:
            async with Conn(pool, who).transaction() as transaction:
                await execute(transaction, "INSERT INTO scratch VALUES (7)")
                if becomes_stale is deallocate:
                    await execute(transaction, "DEALLOCATE ALL")
                await fetch_all(transaction, Thing, LOOK, other="0")

        if becomes_stale is change_the_type:
            await becomes_stale(superuser, pool)
        with pytest.raises(StalePlan) as refused:
            await stumble()
        assert isinstance(problem_of(refused.value), DatabaseUnavailable)
        assert await rows(superuser, "SELECT FROM scratch") == []
        await execute(Conn(pool, who), KEEP, thing=1)
        assert len(await rows(superuser, "SELECT FROM scratch")) == 1
        await is_noted(pool)


async def test_a_feature_that_there_is_not_fails_whoever_asks_for_it(shared: Shared) -> None:
    """It has the state of a stale plan, 0A000, and is none."""
    for _ in range(2):
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            await execute(Conn(shared.pool, shared.people[0]), "SELECT DISTINCT id FROM items FOR UPDATE")
        await shared.is_clean()


NAMES: Final = {
    items.FIND: "items",
    items.ADD: "items",
    items.EDIT: "items",
    items.REMOVE: "items",
    users.FIND_ME: "users",
    context.ENTER: "enter",
    context.BEGIN: "begin",
    "SELECT a, b FROM gate.finish_login(%(a)s)": "finish_login",
    "SELECT gate.delete_me(%(a)s) AS done": "delete_me",
    "SELECT 1": "statement",
    "SELECT id, substring(title FROM 2) FROM items": "items",
    f"SELECT FROM {'long' * 30}": "long" * 10,
}


@pytest.mark.parametrize("text", NAMES, ids=lambda text: " ".join(text.split())[:40])
def test_a_statement_is_named_after_what_it_is_about(text: str) -> None:
    name = parsed(text).name.decode()
    assert re.fullmatch(re.escape(NAMES[text]) + r"_\d+", name), name


async def test_a_statement_with_a_number_after_from_can_be_prepared(shared: Shared) -> None:
    conn = Conn(shared.pool, shared.people[0])
    statement = "SELECT 'x' || substring(%(value)s FROM 2) AS value"
    assert await fetch_one(conn, Value, statement, value="abc") == Value("xbc")


async def test_a_table_with_a_long_name_in_another_script_can_be_prepared(
    shared: Shared, superuser: Connection
) -> None:
    """PostgreSQL cuts a name after 63 bytes, and with it the number that makes it unique."""
    table = "ж" * 31
    await superuser.execute(f"CREATE TABLE {table} (); GRANT SELECT ON {table} TO lodestar_runtime".encode())
    try:
        conn = Conn(shared.pool, shared.people[0])
        for statement in (f"SELECT FROM {table}", f"SELECT FROM {table} LIMIT 1"):
            assert await execute(conn, statement) == 0
    finally:
        await superuser.execute(f"DROP TABLE {table}".encode())


@pytest.fixture
async def crowd(superuser: Connection, app: Litestar, settings: Settings) -> list[Person]:
    """Many owners of many items, whose statistics are known."""
    people = [await introduce(superuser, app, settings, "owner") for _ in range(40)]
    each = "SELECT one, 'A lens' FROM unnest(%s::uuid[]) AS one, generate_series(1, 99)"
    await superuser.execute(f"INSERT INTO items (owner_id, title) {each}".encode(), ([person.id for person in people],))
    await superuser.execute("ANALYZE items")
    return people


async def test_a_page_is_read_through_the_index_in_its_order_whoever_asks(
    crowd: list[Person], app: Litestar, pools: Pools
) -> None:
    async with pools(1) as pool:
        who = context_of(app, crowd[7], read_only=True)
        values: dict[str, object] = {"before": NEWEST, "limit": 21}
        await warm(pool, who, (items.PAGE, values))
        name = parsed(items.PAGE).name.decode()

        async def explain(connection: Asking) -> str:
            assert await rows(connection, "SHOW plan_cache_mode") == [("force_generic_plan",)]  # type: ignore[arg-type]
            explained = f"EXPLAIN EXECUTE {name}(%(before)s, %(limit)s)"
            _, plan = await connection.ask((context.ENTER, who.parameters()), (explained, values))
            return "\n".join(plan.rows(lambda row: str(row[0])))

        (plan,) = await on_each(pool, explain)
    assert "items_owner_id_idx" in str(plan), plan
    assert "Sort" not in str(plan), plan
    assert "id < $1" in str(plan), "the plan is generic"


async def test_behind_a_pooler_nothing_is_prepared(settings_with: Callable[..., Settings], who: Context) -> None:
    pool = create_pool(settings_with(DATABASE_POOLER="transaction", POOL_MIN_SIZE="1", POOL_MAX_SIZE="1"))
    async with pool:
        for _ in range(2):
            await items.add(Conn(pool, who), "A lens", None)
            assert len(await items.page(Conn(pool, replace(who, read_only=True)), NEWEST, 20)) > 0

        async def look(connection: Asking) -> list[Any]:
            return await rows(connection, "SELECT FROM pg_prepared_statements")  # type: ignore[arg-type]

        assert await on_each(pool, look) == [[]]
