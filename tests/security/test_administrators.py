"""The gate shows other people's rows to administrators alone, and looks up by itself who is one now."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import psycopg
import pytest
from litestar import Litestar

from backend.contracts.pages import NEWEST
from backend.settings import Settings
from queries import administration, items
from queries._fetch import Conn
from queries.context import Context
from tests.database import Connection, context_of, introduce, rows
from tests.people import Person

pytestmark = pytest.mark.checklist(26, 46, 48)

type Act = Callable[[Conn, UUID], Awaitable[object]]


def edit(conn: Conn, user_id: UUID) -> Awaitable[object]:
    return administration.edit(conn, user_id, sets_full_name=True, full_name="x", is_active=False, is_admin=True)


# Every function of the module, on somebody else.
ACTS: Final[dict[str, Act]] = {
    "require_admin": lambda conn, _: administration.require_admin(conn),
    "page": lambda conn, _: administration.page(conn, NEWEST, 100),
    "find_by_email": lambda conn, _: administration.find_by_email(conn, "ada@example.com"),
    "find": administration.find,
    "edit": edit,
    "remove": administration.remove,
    "sessions": administration.sessions,
    "end_sessions": administration.end_sessions,
}

every_act = pytest.mark.parametrize("name", ACTS)


def test_every_function_of_the_module_is_tried() -> None:
    functions = inspect.getmembers(administration, inspect.isfunction)
    assert {name for name, one in functions if one.__module__ == administration.__name__} == set(ACTS)


async def is_refused(act: Act, conn: Conn, whom: Person, superuser: Connection, refusal: str = "not_admin") -> None:
    """With nothing shown and nothing done."""
    account = "SELECT u.*, s.* FROM users u LEFT JOIN sessions s ON s.user_id = u.id WHERE u.id = %s"
    before = await rows(superuser, account, whom.id)
    for user_id in (UUID(whom.id), UUID(int=1)):
        with pytest.raises(psycopg.errors.RaiseException) as refused:
            await act(conn, user_id)
        assert refused.value.diag.constraint_name == refusal
    assert await rows(superuser, account, whom.id) == before


@every_act
async def test_who_is_no_administrator_learns_nothing(
    name: str, app: Litestar, superuser: Connection, ada: Person, bob: Person
) -> None:
    await is_refused(ACTS[name], Conn(app.state.pool, context_of(app, bob)), ada, superuser)


@every_act
async def test_nobody_learns_nothing(name: str, app: Litestar, superuser: Connection, ada: Person) -> None:
    await is_refused(ACTS[name], Conn(app.state.pool, Context(5000)), ada, superuser)


@every_act
async def test_an_administrator_does_it_until_demoted(
    name: str, app: Litestar, settings: Settings, superuser: Connection, admin: Person, ada: Person
) -> None:
    other = await introduce(superuser, app, settings, "other", admin=True)
    conn = Conn(app.state.pool, context_of(app, admin))
    bob = await introduce(superuser, app, settings, "bob")
    await ACTS[name](conn, UUID(bob.id))
    await superuser.execute("UPDATE users SET is_admin = false WHERE id = %s", (admin.id,))
    await is_refused(ACTS[name], conn, ada, superuser)
    await is_refused(ACTS[name], conn, other, superuser)


@every_act
async def test_an_administrator_who_is_disabled_is_out_at_once(
    name: str, app: Litestar, settings: Settings, superuser: Connection, admin: Person, ada: Person
) -> None:
    await introduce(superuser, app, settings, "other", admin=True)
    conn = Conn(app.state.pool, context_of(app, admin))
    await superuser.execute("UPDATE users SET is_active = false WHERE id = %s", (admin.id,))
    await is_refused(ACTS[name], conn, ada, superuser, "session_ended")
    await superuser.execute("UPDATE sessions SET ended_at = NULL WHERE user_id = %s", (admin.id,))
    await is_refused(ACTS[name], conn, ada, superuser)


async def test_an_administrator_sees_no_items(app: Litestar, admin: Person, ada: Person) -> None:
    """Accounts are administered, what is kept in them is not."""
    item = await items.add(Conn(app.state.pool, context_of(app, ada)), "A lens", None)
    assert await items.find(Conn(app.state.pool, context_of(app, admin)), item.row.id) is None
