"""From what PostgreSQL says to what is answered: the two tables, row by row, each provoked where it can be."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final
from uuid import UUID

import psycopg
import pytest
from litestar import Litestar
from psycopg import AsyncConnection, sql

from backend.errors import (
    BY_CONSTRAINT,
    BY_SQLSTATE,
    DatabaseUnavailable,
    IdempotencyKeyInUse,
    InternalError,
    NotFound,
    Problem,
)
from backend.faults import problem_of
from backend.settings import Settings
from queries._fetch import Conn, execute
from queries.context import Context
from tests.database import Connection, introduce, rows
from tests.expected import TAKEN
from tests.people import new_email

pytestmark = pytest.mark.checklist(66)

NOBODY: Final = UUID(int=1)


class Stage:
    """Two connections that see every row, and the API's."""

    def __init__(self, here: Connection, there: Connection, conn: Conn) -> None:
        self.here, self.there, self.conn = here, there, conn


@pytest.fixture
async def stage(superuser: Connection, app: Litestar) -> AsyncIterator[Stage]:
    async with await AsyncConnection.connect(superuser.info.dsn, password=superuser.info.password) as there:
        async with superuser.transaction(force_rollback=True):
            yield Stage(superuser, there, Conn(app.state.pool, Context(5000)))
        if not there.closed:
            await there.rollback()


type Provoke = Callable[[Stage], Awaitable[object]]


def saying(statement: str) -> Provoke:
    """What a statement alone provokes, from whoever may do everything."""
    return lambda stage: stage.here.execute(statement.encode())


USER: Final = "INSERT INTO users (id, email) VALUES ('{}', '{}')"
ITEM: Final = "INSERT INTO items (owner_id, title) VALUES ({}, {})"


async def the_same_item_twice(stage: Stage) -> None:
    await stage.here.execute(f"{USER.format(NOBODY, new_email())}; {ITEM.format(f"'{NOBODY}'", "'x'")}".encode())
    await stage.here.execute("INSERT INTO items SELECT * FROM items")


async def the_same_address_twice(stage: Stage) -> None:
    email = new_email()
    for number in (1, 2):
        await stage.here.execute(USER.format(UUID(int=number), email).encode())


async def a_row_that_changed_since(stage: Stage) -> None:
    await stage.there.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT FROM users")
    async with await AsyncConnection.connect(stage.there.info.dsn, password=stage.there.info.password) as third:
        await third.execute("INSERT INTO throttles (key) VALUES ('changed') ON CONFLICT DO NOTHING")
    await stage.there.rollback()
    await stage.there.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT FROM throttles")
    async with await AsyncConnection.connect(stage.there.info.dsn, password=stage.there.info.password) as third:
        await third.execute("DELETE FROM throttles WHERE key = 'changed'")
    await stage.there.execute("DELETE FROM throttles WHERE key = 'changed'")


async def an_embrace(stage: Stage) -> None:
    await stage.here.execute("SET LOCAL deadlock_timeout = '1min'; SELECT pg_advisory_xact_lock(1)")
    await stage.there.execute("SET LOCAL deadlock_timeout = '10ms'; SELECT pg_advisory_xact_lock(2)")
    waiting = asyncio.create_task(stage.here.execute("SELECT pg_advisory_xact_lock(2)"))
    try:
        while True:
            await stage.there.execute("SELECT pg_advisory_xact_lock(1)")
    finally:
        await stage.there.rollback()
        await waiting


async def a_lock_that_is_held(stage: Stage) -> None:
    await stage.there.execute("LOCK TABLE items IN ROW EXCLUSIVE MODE")
    await stage.here.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE NOWAIT")


async def a_server_that_goes(stage: Stage) -> None:
    await stage.here.execute("SELECT pg_terminate_backend(%s)", (stage.there.info.backend_pid,))
    await stage.there.execute("SELECT 1")


CLAIM: Final = "SELECT claim('POST /v1/items', 'k', '{}', NULL, 60)"


async def a_key_that_is_claimed(stage: Stage) -> None:
    await stage.there.execute(CLAIM.format("x").encode())
    await stage.here.execute(CLAIM.format("x").encode())


async def a_key_with_another_body(stage: Stage) -> None:
    user = USER.format(NOBODY, new_email())
    identity = f"SELECT set_config('lodestar.user_id', '{NOBODY}', true)"
    kept = "INSERT INTO idempotency_keys VALUES ('{}', 'POST /v1/items', 'k', 'x', '{{}}', now(), 'infinity')"
    await stage.here.execute(";".join((user, identity, kept.format(NOBODY), CLAIM.format("y"))).encode())


def constructed(state: str) -> Provoke:
    """For what would need a server of its own to be really said."""

    async def provoke(_: Stage) -> None:
        raise psycopg.errors.lookup(state)

    return provoke


# One line for each line of the table; those of a class stand for it.
STATES: Final[dict[str, list[tuple[str, Provoke]]]] = {
    "23505": [("23505", the_same_item_twice)],
    "23503": [("23503", saying(ITEM.format(f"'{NOBODY}'", "'x'")))],
    "23514": [("23514", saying(ITEM.format(f"'{NOBODY}'", "''")))],
    "23502": [("23502", saying(ITEM.format(f"'{NOBODY}'", "NULL")))],
    "22": [
        ("22P02", saying("SELECT 'x'::uuid")),
        ("22003", saying("SELECT 2147483647 + 1")),
        ("22012", saying("SELECT 1 / 0")),
        ("22007", saying("SELECT 'yesterday or so'::timestamptz")),
        ("22021", saying("SELECT convert_from('\\xff'::bytea, 'UTF8')")),
    ],
    "42501": [("42501", lambda stage: execute(stage.conn, "SELECT password_hash FROM users"))],
    "40001": [("40001", a_row_that_changed_since)],
    "40P01": [("40P01", an_embrace)],
    "55P03": [("55P03", a_lock_that_is_held)],
    "57014": [("57014", saying("SET LOCAL statement_timeout = '10ms'; SELECT pg_sleep(60)"))],
    "53300": [("53300", constructed("53300"))],
    "57P": [("57P01", a_server_that_goes), ("57P03", constructed("57P03"))],
    "08": [("08006", constructed("08006")), ("08003", constructed("08003"))],
}

CONSTRAINTS: Final[dict[str, Provoke]] = {
    "users_email_key": the_same_address_twice,
    "users_last_admin": saying("UPDATE users SET is_admin = false"),
    "not_admin": lambda stage: execute(stage.conn, "SELECT gate.require_admin()"),
    "user_not_found": saying("SELECT refuse('user_not_found')"),
    "idempotency_key_in_use": a_key_that_is_claimed,
    "idempotency_key_reused": a_key_with_another_body,
    "session_ended": saying(f"SELECT enter('{NOBODY}', '{NOBODY}', false, 1000)"),
}


def test_every_line_of_the_tables_is_provoked() -> None:
    assert STATES.keys() == BY_SQLSTATE.keys()
    assert CONSTRAINTS.keys() | TAKEN.keys() == BY_CONSTRAINT.keys()


async def test_what_is_unique_in_a_resource_is_a_constraint_and_has_its_refusal(superuser: Connection) -> None:
    """Provoked it is by the test of the resource, field by field."""
    unique = await rows(
        superuser, "SELECT conname FROM pg_constraint WHERE contype = 'u' AND conname = ANY (%s)", [*TAKEN]
    )
    assert {name for (name,) in unique} == TAKEN.keys()
    assert {name: BY_CONSTRAINT[name].code for name in TAKEN} == TAKEN


async def provoked(provoke: Provoke, stage: Stage) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as raised:
        await provoke(stage)
    return raised.value


@pytest.mark.parametrize(("row", "state"), [(row, state) for row, states in STATES.items() for state, _ in states])
async def test_a_state_is_answered_as_the_table_says(row: str, state: str, stage: Stage) -> None:
    error = await provoked(dict(STATES[row])[state], stage)
    assert error.sqlstate == state
    assert error.diag.constraint_name not in BY_CONSTRAINT
    assert type(problem_of(error)) is BY_SQLSTATE[row]


@pytest.mark.parametrize("constraint", CONSTRAINTS)
async def test_a_constraint_is_answered_as_the_table_says(
    constraint: str, stage: Stage, app: Litestar, settings: Settings
) -> None:
    await introduce(stage.here, app, settings, "admin", admin=True)
    error = await provoked(CONSTRAINTS[constraint], stage)
    assert error.diag.constraint_name == constraint
    assert type(problem_of(error)) is BY_CONSTRAINT[constraint]


STATUSES: Final = {
    "23505": 409,
    "23503": 409,
    "23514": 422,
    "23502": 422,
    "22": 422,
    "42501": 403,
    "40001": 503,
    "40P01": 503,
    "55P03": 503,
    "57014": 504,
    "53300": 503,
    "57P": 503,
    "08": 503,
}


def test_the_statuses_are_those_of_the_checklist() -> None:
    assert {state: kind.status_code for state, kind in BY_SQLSTATE.items()} == STATUSES
    for kind in {*BY_SQLSTATE.values(), *BY_CONSTRAINT.values()}:
        comes_back = kind.status_code == 503 or kind is IdempotencyKeyInUse
        assert ("Retry-After" in (kind().headers or {})) == comes_back


@pytest.mark.parametrize(
    "provoke",
    [
        saying("SELECT nothing FROM nowhere"),
        saying("SELEKT"),
        saying("SET LOCAL transaction_read_only = on; DELETE FROM items"),
        saying("DO $$ BEGIN RAISE EXCEPTION 'not by name' USING CONSTRAINT = 'unheard_of'; END $$"),
        saying("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'XX001'; END $$"),
        constructed("0A000"),
    ],
)
async def test_what_stands_in_neither_table_is_a_fault_of_ours(provoke: Provoke, stage: Stage) -> None:
    assert type(problem_of(await provoked(provoke, stage))) is InternalError


async def test_a_connection_that_nobody_answers_is_unavailable() -> None:
    with pytest.raises(psycopg.OperationalError) as raised:
        await AsyncConnection.connect("postgresql://nobody@127.0.0.1:1/nowhere")
    assert raised.value.sqlstate is None
    assert type(problem_of(raised.value)) is DatabaseUnavailable


async def test_a_role_with_too_many_connections_is_unavailable(superuser: Connection) -> None:
    role = sql.Identifier(f"crowded_{secrets.token_hex(4)}")
    await superuser.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'crowded' CONNECTION LIMIT 0").format(role))
    try:
        with pytest.raises(psycopg.OperationalError, match="too many connections") as raised:
            await AsyncConnection.connect(superuser.info.dsn, user=role.as_string()[1:-1], password="crowded")
    finally:
        await superuser.execute(sql.SQL("DROP ROLE {}").format(role))
    assert type(problem_of(raised.value)) is DatabaseUnavailable


def test_a_refusal_is_answered_as_it_is() -> None:
    refusal = NotFound()
    assert problem_of(refusal) is refusal
    assert all(code == kind.code for code, kind in Problem.registry.items())
