"""What travels to PostgreSQL and back: any value as it is, any statement or a clear refusal, any size."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from secrets import token_hex
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from litestar import Litestar
from msgspec import Struct
from msgspec.structs import replace
from psycopg.pq import ConnStatus
from psycopg.types.json import Jsonb

from backend.contracts.pages import NEWEST
from backend.database.embedded import Embedded
from backend.settings import Settings
from queries import _connection, items
from queries._fetch import Cheap, Conn, execute, fetch_all, fetch_one
from tests.database import Connection, context_of, introduce, until
from tests.queries.sharing import Shared, sharing


class Value(Struct, frozen=True):
    value: Any


@pytest.fixture(params=["prepared", "spelled out"])
async def either(
    request: pytest.FixtureRequest,
    superuser: Connection,
    app: Litestar,
    settings: Settings,
    settings_with: Callable[..., Settings],
) -> AsyncIterator[Shared]:
    """A pool that prepares its statements, and one behind a pooler that does not."""
    pooler = "off" if request.param == "prepared" else "transaction"
    ada, bob = [context_of(app, await introduce(superuser, app, settings, name)) for name in ("ada", "bob")]
    async with sharing(lambda **given: settings_with(DATABASE_POOLER=pooler, **given), ada, bob) as opened:
        yield opened


@pytest.fixture
def conn(either: Shared) -> Conn:
    return Conn(either.pool, either.people[0])


async def process(shared: Shared) -> int:
    """The server's process behind the one connection."""
    connection = await shared.pool.getconn()
    await shared.pool.putconn(connection)
    return connection.info.backend_pid


TEXTS: Final = [
    "",
    "O'Brien",
    "''; DROP TABLE items; --",
    "\\",
    "\\' OR true --",
    "C:\\new\\table",
    '"quoted"',
    "100 % of %(value)s and %%",
    "$1 $$ $tag$",
    "a;b\r\n\tc -- d /* e",
    "Grüße, 你好, 🦊, \u202e",
    "\x01\x7f",
]


@pytest.mark.parametrize("text", TEXTS)
async def test_a_text_arrives_as_it_is(text: str, conn: Conn) -> None:
    statement = "SELECT %(value)s::text AS value"
    for _ in range(2):
        assert await fetch_one(conn, Value, statement, value=text) == Value(text)


@pytest.mark.parametrize("text", TEXTS)
async def test_a_text_arrives_as_it_is_where_a_backslash_escapes(text: str, either: Shared) -> None:
    """As a server may be set up for the sake of something older."""
    held = await either.pool.getconn()
    await held.execute("SET escape_string_warning = off; SET standard_conforming_strings = off")
    await either.pool.putconn(held)
    conn = Conn(either.pool, either.people[0])
    assert await fetch_one(conn, Value, "SELECT %(value)s::text AS value", value=text) == Value(text)


NOON: Final = datetime(2026, 11, 23, 12, 0, 0, 123456, UTC)
VALUES: Final[list[tuple[str, object]]] = [
    ("text", None),
    ("boolean", True),
    ("integer", -1),
    ("bigint", 2**40),
    ("bigint", 1 - 2**63),
    ("numeric", Decimal("-1234567890123456789012345678901234567890.5")),
    ("double precision", -1.5),
    ("double precision", float("inf")),
    ("uuid", NEWEST),
    ("timestamptz", NOON),
    ("timestamptz", datetime.max.replace(tzinfo=UTC)),
    ("bytea", bytes(range(256))),
    ("jsonb", Jsonb({"a": ["'", "\\", None, 1]})),
    ("integer[]", [1, None, -3]),
    ("bigint[]", [2**40, 1]),
    ("text[]", []),
    ("text[]", ["O'Brien", 'a "b" \\c, {d}', None, "NULL", ""]),
    ("uuid[]", [UUID(int=1), NEWEST]),
    ("timestamptz[]", [NOON, None]),
]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=[f"{kind}-{number}" for number, (kind, _) in enumerate(VALUES)])
async def test_a_value_arrives_as_it_is(kind: str, value: object, conn: Conn) -> None:
    expected = value.obj if isinstance(value, Jsonb) else value
    statement = f"SELECT %(value)s::{kind} AS value"
    for _ in range(2):
        assert await fetch_one(conn, Value, statement, value=value) == Value(expected)


async def test_a_time_arrives_in_utc_whatever_zone_it_was_given_in(conn: Conn) -> None:
    given = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
    found = await fetch_one(conn, Value, "SELECT %(value)s::timestamptz AS value", value=given)
    assert found.value == NOON
    assert found.value.utcoffset() == timedelta(0)


async def test_a_number_keeps_its_sign_behind_a_minus(conn: Conn) -> None:
    assert await fetch_one(conn, Value, "SELECT 7 -%(value)s::int AS value", value=-5) == Value(12)


async def test_a_value_that_is_used_twice_is_sent_once(shared: Shared) -> None:
    statement = "SELECT %(value)s::text || %(other)s::text || %(value)s::text AS value"
    told = len(shared.wire.asked)
    conn = Conn(shared.pool, shared.people[0])
    assert await fetch_one(conn, Value, statement, value="mirror", other="-", unused=1) == Value("mirror-mirror")
    (message,) = shared.wire.asked[told:]
    assert message.count("'mirror'") == 1


async def test_a_statement_that_fails_is_not_written_down_with_its_values(shared: Shared, postgres: Embedded) -> None:
    """Unless it was spelled out."""
    secret, statement = token_hex(), "SELECT 'fails' || %(secret)s::text, 1 / %(zero)s::int"
    for _ in range(2):
        with pytest.raises(psycopg.errors.DivisionByZero):
            await execute(Conn(shared.pool, shared.people[0]), statement, secret=secret, zero=0)
    log = postgres.cluster.log.read_text()
    assert "SELECT 'fails' || $1::text" in log
    assert secret not in log


async def test_a_percent_sign_is_written_twice(conn: Conn) -> None:
    assert await fetch_one(conn, Value, "SELECT 10 %% 4 AS value") == Value(2)
    statement = "SELECT 'lens' LIKE '%%' || %(value)s || '%%' AND '%%' = chr(37) AS value"
    assert await fetch_one(conn, Value, statement, value="en") == Value(value=True)


REFUSED: Final[dict[str, dict[str, object]]] = {
    "SELECT 10 % 4": {},
    "SELECT %s": {"s": 1},
    "SELECT %(value)": {"value": 1},
    "SELECT %(value)d": {"value": 1},
    "SELECT %(va-lue)s": {"va-lue": 1},
    "SELECT 1 %": {},
    "SELECT %%%": {},
    "SELECT %(value)s": {},
    "SELECT %(value)s::text": {"value": object()},
}


@pytest.mark.parametrize("statement", REFUSED)
async def test_what_cannot_be_said_is_not_sent(statement: str, either: Shared) -> None:
    told = len(either.wire.asked)
    with pytest.raises(psycopg.ProgrammingError):
        await execute(Conn(either.pool, either.people[0]), statement, **REFUSED[statement])
    assert either.wire.asked[told:] == []
    await either.is_clean()


async def test_a_text_with_a_nul_is_not_sent(either: Shared) -> None:
    told = len(either.wire.asked)
    with pytest.raises(psycopg.DataError):
        await execute(Conn(either.pool, either.people[0]), "SELECT %(value)s::text", value="nul\0nul")
    assert either.wire.asked[told:] == []


STATEMENTS: Final[dict[str, object]] = {
    "SHOW server_encoding": None,
    "EXPLAIN SELECT %(value)s::int": None,
    "DO $$ BEGIN RAISE NOTICE 'said'; END $$": None,
    "SELECT %(value)s::int AS value;": 3,
    "SELECT %(value)s::int AS value; SELECT 4": 3,
    "SELECT %(value)s::int AS value, ';'": None,
    "VALUES (%(value)s::int)": None,
    "(SELECT %(value)s::int AS value)": 3,
    "/* said */ SELECT %(value)s::int AS value": 3,
    "SELECT %(value)s::int AS value -- said": 3,
    "WITH one AS (SELECT %(value)s::int AS value) SELECT value FROM one": 3,
    "select %(value)s::int as value": 3,
}


SHAREABLE: Final = ["SELECT %(value)s::int AS value -- said", "select %(value)s::int as value"]


@pytest.mark.parametrize(
    ("statement", "cheap"), [*((text, False) for text in STATEMENTS), *((text, True) for text in SHAREABLE)]
)
async def test_a_statement_of_any_form_is_run(statement: str, cheap: bool, either: Shared) -> None:
    who = Conn(either.pool, replace(either.people[0], read_only=cheap))
    text, expected = Cheap(statement) if cheap else statement, STATEMENTS[statement]
    async with asyncio.timeout(2):
        for _ in range(2):
            if expected is None:
                await execute(who, text, value=3)
            else:
                assert await fetch_one(who, Value, text, value=3) == Value(expected)
    await either.is_clean()


@pytest.mark.parametrize("length", [0xFFFF, 0x10000, 1_000_000, 8_000_001])
async def test_a_value_of_any_length_arrives(length: int, either: Shared) -> None:
    conn = Conn(either.pool, either.people[0])
    text = ("0123456789é" * (length // 11 + 1))[:length]
    statement = "SELECT length(%(text)s::text) || md5(%(text)s::text) AS value"
    found = await fetch_one(conn, Value, statement, text=text)
    assert found.value.startswith(f"{length}")
    found = await fetch_one(conn, Value, "SELECT %(text)s::text AS value", text=text)
    assert found.value == text
    await either.is_clean()


async def test_very_many_rows_arrive(either: Shared) -> None:
    conn = Conn(either.pool, either.people[0])
    found = await fetch_all(conn, Value, "SELECT value FROM generate_series(1, %(most)s::int) AS value", most=50_000)
    assert found == [Value(number) for number in range(1, 50_001)]


@pytest.mark.parametrize("copy", ["COPY (SELECT 1) TO STDOUT", "COPY items (title) FROM STDIN"])
async def test_a_copy_is_refused_and_its_connection_replaced(copy: str, either: Shared) -> None:
    before, conn = await process(either), Conn(either.pool, either.people[0])
    with pytest.raises(psycopg.Error):
        await asyncio.wait_for(execute(conn, copy), 10)
    if "TO" in copy:
        await until(lambda: either.pool.get_stats()["pool_available"] == 1)
        assert await process(either) != before

    async def copy_after_a_write() -> None:
        async with conn.transaction() as transaction:
            await execute(transaction, "INSERT INTO items (title) VALUES ('A copy')")
            await execute(transaction, copy)

    with pytest.raises(psycopg.Error):
        await copy_after_a_write()
    assert all(item.title != "A copy" for item in await items.page(conn, NEWEST, 100))
    await either.is_clean()


async def test_who_is_cancelled_while_a_long_message_is_sent_leaves_the_connection_clean(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_connection, "_CANCEL_SECONDS", 0.1)
    text = "x" * 30_000_000
    task = asyncio.ensure_future(
        execute(Conn(shared.pool, shared.people[0]), "SELECT length(%(text)s::text)", text=text)
    )
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await shared.is_clean()


@pytest.mark.parametrize("read_only", [False, True], ids=["alone", "cheap"])
async def test_rows_are_read_although_their_connection_was_closed_when_it_came_back(
    read_only: bool, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had reached the end of its life, as each one does; the rows are still to be made into Structs."""
    put_back = shared.pool.putconn

    async def closed_and_put_back(connection: _connection.Connection) -> None:
        await connection.close()
        await put_back(connection)

    monkeypatch.setattr(shared.pool, "putconn", closed_and_put_back)
    found = await items.page(Conn(shared.pool, replace(shared.people[0], read_only=read_only)), NEWEST, 20)
    assert [item.owner_id for item in found] == [shared.people[0].user_id]


async def test_the_next_socket_with_the_number_of_a_broken_one_is_watched(shared: Shared) -> None:
    """libpq closes the socket as soon as it is broken: whoever opens one in the same turn has its number."""
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    connection = await shared.pool.getconn()
    number, told = connection.pgconn.socket, shared.wire.trips
    asking = asyncio.ensure_future(connection.ask(("SELECT pg_sleep(60)", {})))
    await until(lambda: shared.wire.trips != told)
    shared.wire.cut()
    while connection.pgconn.status != ConnStatus.BAD:  # noqa: ASYNC110  # It must be noticed in the very next turn.
        await asyncio.sleep(0)
    mine, other = (end.detach() for end in socket.socketpair())
    if mine != number:
        os.dup2(mine, number)
        os.close(mine)
    try:
        loop.add_reader(number, heard.set)
        with suppress(psycopg.OperationalError):
            await asking
        os.write(other, b"!")
        async with asyncio.timeout(1):
            await heard.wait()
    finally:
        loop.remove_reader(number)
        os.close(number)
        os.close(other)
        await shared.pool.putconn(connection)
    await shared.is_clean()
