"""Nobody sees or changes what is somebody else's: asked of the statements themselves, below the routes."""

from collections.abc import AsyncIterator, Callable
from typing import Final
from uuid import UUID, uuid4

import psycopg
import pytest
from litestar import Litestar, get
from litestar.di import NamedDependency
from msgspec.structs import replace

from backend.contracts.pages import NEWEST
from backend.settings import Settings
from queries import items, sessions, users
from queries._fetch import Conn, execute
from queries.context import Context
from queries.items import Item
from tests.conftest import client_of, running
from tests.database import Connection, context_of, rows
from tests.people import Person

pytestmark = pytest.mark.checklist(44, 45)


@pytest.fixture
def as_ada(app: Litestar, ada: Person) -> Context:
    return context_of(app, ada)


@pytest.fixture
def as_bob(app: Litestar, bob: Person) -> Context:
    return context_of(app, bob)


@pytest.fixture
def hers(app: Litestar, as_ada: Context) -> Conn:
    return Conn(app.state.pool, as_ada)


@pytest.fixture
def his(app: Litestar, as_bob: Context) -> Conn:
    return Conn(app.state.pool, as_bob)


@pytest.fixture
async def item(hers: Conn) -> AsyncIterator[Item]:
    """An item of hers, that is as it was when the test is over."""
    added = await items.add(hers, "A lens", "Polished on both sides.")
    yield added.row
    assert await items.find(hers, added.row.id) == added


async def test_a_foreign_item_is_not_there(his: Conn, item: Item) -> None:
    assert await items.find(his, item.id) is None
    assert await items.edit(his, item.id, title="Mine", sets_description=True, description=None) is None
    assert await items.remove(his, item.id) is None
    assert await items.page(his, NEWEST, 100) == []


async def test_no_condition_finds_a_foreign_row(his: Conn, item: Item) -> None:
    for condition in ("true", "owner_id = owner_id", "owner_id <> (SELECT current_user_id())", "id IS NOT NULL"):
        assert await execute(his, f"SELECT FROM items WHERE {condition}") == 0
        assert await execute(his, f"UPDATE items SET title = 'Mine' WHERE {condition}") == 0
        assert await execute(his, f"DELETE FROM items WHERE {condition}") == 0


async def test_an_item_is_made_for_nobody_else(his: Conn, item: Item) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await execute(his, "INSERT INTO items (owner_id, title) VALUES (%(owner)s, 'x')", owner=item.owner_id)
    assert (await items.add(his, "His", None)).row.owner_id != item.owner_id


async def test_an_item_is_given_to_nobody_else(hers: Conn, item: Item, as_bob: Context) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await execute(hers, "UPDATE items SET owner_id = %(bob)s", bob=as_bob.user_id)


async def test_the_policy_forbids_it_where_a_grant_would_allow_it(
    superuser: Connection, as_ada: Context, as_bob: Context, item: Item
) -> None:
    """WITH CHECK by itself: the grants that also stand in the way are lifted for one transaction."""
    moves = (
        ("items", "INSERT INTO items (owner_id, title) VALUES (%s, 'x')"),
        ("items", "UPDATE items SET owner_id = %s"),
        ("sessions", "UPDATE sessions SET user_id = %s"),
        ("users", "UPDATE users SET id = %s"),
    )
    for table, statement in moves:
        async with superuser.transaction(force_rollback=True):
            await superuser.execute(f"GRANT ALL ON {table} TO lodestar_runtime; SET LOCAL ROLE lodestar_app".encode())
            await superuser.execute("SELECT enter(%s, %s, false, 5000)", (as_ada.user_id, as_ada.session_id))
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
                async with superuser.transaction():
                    await superuser.execute(statement.encode(), (as_bob.user_id,))


async def test_one_sees_and_changes_ones_own_account_alone(hers: Conn, his: Conn, as_ada: Context) -> None:
    before = await users.find_me(hers)
    assert await execute(his, "SELECT FROM users") == 1
    assert await execute(his, "UPDATE users SET full_name = 'x' WHERE id = %(ada)s", ada=as_ada.user_id) == 0
    edited = await users.edit_me(his, sets_full_name=True, full_name="Bob")
    assert edited is not None
    assert edited.id != as_ada.user_id
    assert await users.find_me(hers) == before


@pytest.mark.parametrize("column", ["email", "is_admin", "is_active", "password_hash", "email_verified_at", "id"])
async def test_of_ones_account_one_writes_the_name_alone(column: str, his: Conn) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await execute(his, f"UPDATE users SET {column} = DEFAULT")


async def test_a_foreign_session_is_neither_seen_nor_ended(hers: Conn, his: Conn, as_ada: Context) -> None:
    (only,) = await sessions.mine(his)
    assert only.id != as_ada.session_id
    assert as_ada.session_id
    assert await sessions.end(his, as_ada.session_id) is False
    assert await sessions.end_mine(his, "others") == 0
    assert await sessions.end_mine(his, "global") == 1
    assert [session.id for session in await sessions.mine(hers)] == [as_ada.session_id]


SESSIONS: Final[dict[str, Callable[[Context, Context], Context]]] = {
    "of somebody else": lambda ada, bob: replace(ada, session_id=bob.session_id),
    "of ones own, for somebody else": lambda ada, bob: replace(bob, session_id=ada.session_id),
    "that there is not": lambda ada, _: replace(ada, session_id=uuid4()),
    "left out": lambda ada, _: replace(ada, session_id=None),
}


@pytest.mark.parametrize("which", SESSIONS)
async def test_nobody_comes_in_with_a_session(which: str, app: Litestar, as_ada: Context, as_bob: Context) -> None:
    conn = Conn(app.state.pool, SESSIONS[which](as_ada, as_bob))
    with pytest.raises(psycopg.errors.RaiseException) as refused:
        await items.page(conn, NEWEST, 100)
    assert refused.value.diag.constraint_name == "session_ended"
    with pytest.raises(psycopg.errors.RaiseException):
        async with conn.transaction() as transaction:
            await items.page(transaction, NEWEST, 100)


@pytest.mark.parametrize("ending", ["ended_at = now()", "expires_at = now()"])
async def test_nobody_comes_in_with_a_session_that_is_over(
    ending: str, hers: Conn, as_ada: Context, superuser: Connection
) -> None:
    await superuser.execute(f"UPDATE sessions SET {ending} WHERE id = %s".encode(), (as_ada.session_id,))
    with pytest.raises(psycopg.errors.RaiseException) as refused:
        await items.add(hers, "A lens", None)
    assert refused.value.diag.constraint_name == "session_ended"
    assert await rows(superuser, "SELECT FROM items WHERE owner_id = %s", as_ada.user_id) == []


WRITES: Final = {
    "an insert": "INSERT INTO items (title) VALUES ('x')",
    "an update": "UPDATE users SET full_name = 'x'",
    "a delete": "DELETE FROM items",
    "a function of the gate": "SELECT gate.end_my_sessions('global')",
}


@pytest.mark.checklist(47)
@pytest.mark.parametrize("write", WRITES)
async def test_who_only_reads_cannot_write(write: str, app: Litestar, as_ada: Context, item: Item) -> None:
    conn = Conn(app.state.pool, replace(as_ada, read_only=True))
    for unlocking in ("", "SET TRANSACTION READ WRITE;", "SELECT set_config('transaction_read_only', 'off', true);"):
        with pytest.raises(psycopg.Error) as refused:
            await execute(conn, unlocking + WRITES[write])
        assert refused.value.sqlstate in (("25006",) if not unlocking else ("25001", "22023"))
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with conn.transaction() as transaction:
            await execute(transaction, WRITES[write])


@get("/test/write")
async def write(conn: NamedDependency[Conn]) -> Item:
    return (await items.add(conn, "A lens", None)).row


@pytest.mark.checklist(47)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_get_and_a_head_only_read(
    method: str, settings_with: Callable[..., Settings], ada: Person, hers: Conn
) -> None:
    settings = settings_with()
    async with running(settings) as own, client_of(own, settings) as client:
        own.register(write)
        assert (await client.request(method, "/test/write", headers=ada)).status_code == 500
    assert await items.page(hers, NEWEST, 100) == []


async def test_an_id_says_nothing_of_who_may_have_it(his: Conn, item: Item) -> None:
    """A foreign id and a free one are the same answer, also where one would be inserted."""
    for item_id in (item.id, UUID(int=item.id.int + 1)):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await execute(his, "INSERT INTO items (id, title) VALUES (%(id)s, 'x')", id=item_id)
