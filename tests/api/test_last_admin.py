"""Somebody has to be left who can administer: in a database of its own, where it is known who does."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import httpx
import psycopg
import pytest
from litestar import Litestar

from backend.database.embedded import Embedded
from tests.api.acts import edit_user, leave, read_user
from tests.api.shapes import refused
from tests.conftest import client_of, cloned, running, settings_for
from tests.database import Connection
from tests.people import Person


@pytest.fixture(scope="module")
async def app(postgres: Embedded, worker_id: str) -> AsyncIterator[Litestar]:
    """As everywhere, but nobody else makes administrators here."""
    with cloned(postgres, f"tests_{worker_id}_admins") as name:
        async with running(settings_for(postgres, name)) as started:
            started.state.database = name
            yield started


@pytest.fixture
async def client(app: Litestar, postgres: Embedded) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, settings_for(postgres, app.state.database)) as opened:
        yield opened


@pytest.fixture
async def superuser(app: Litestar, postgres: Embedded) -> AsyncIterator[Connection]:
    url = postgres.superuser_url.rsplit("/", 1)[0] + f"/{app.state.database}"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
async def nobody_left(superuser: Connection) -> AsyncIterator[None]:
    """Whoever a test has made an administrator is none in the next."""
    yield
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")  # No trigger keeps the last one.
        await superuser.execute("UPDATE users SET is_admin = false")


@pytest.mark.parametrize("change", [{"is_admin": False}, {"is_active": False}, {"is_admin": False, "is_active": False}])
async def test_the_last_administrator_can_neither_be_demoted_nor_disabled(
    client: httpx.AsyncClient, admin: Person, change: dict[str, bool]
) -> None:
    before = await read_user(client, admin, admin)
    refused(await edit_user(client, admin, admin, full_name="Me", **change), 409, "last_admin")
    assert await read_user(client, admin, admin) == before


async def test_the_last_administrator_cannot_be_deleted(client: httpx.AsyncClient, admin: Person) -> None:
    refused(await client.delete(f"/v1/users/{admin.id}", headers=admin), 409, "last_admin")
    refused(await leave(client, admin), 409, "last_admin")
    assert (await client.get("/v1/users/me", headers=admin)).json()["is_admin"] is True


async def test_an_administrator_who_is_disabled_does_not_count(
    client: httpx.AsyncClient, admin: Person, other_admin: Person
) -> None:
    assert (await edit_user(client, admin, other_admin, is_active=False)).status_code == 200
    refused(await edit_user(client, admin, admin, is_admin=False), 409, "last_admin")
    assert (await client.delete(f"/v1/users/{other_admin.id}", headers=admin)).status_code == 204


async def test_the_last_but_one_may_leave(client: httpx.AsyncClient, admin: Person, other_admin: Person) -> None:
    assert (await leave(client, admin)).status_code == 204
    refused(await edit_user(client, other_admin, other_admin, is_active=False), 409, "last_admin")


async def test_whoever_leaves_second_waits_to_see_what_the_first_has_done(
    client: httpx.AsyncClient, superuser: Connection, admin: Person, other_admin: Person
) -> None:
    waiting = (
        "SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()"
    )
    deadline = monotonic() + 20
    async with superuser.transaction():
        await superuser.execute("UPDATE users SET is_admin = false WHERE id = %s", (other_admin.id,))
        leaving = asyncio.create_task(edit_user(client, admin, admin, is_admin=False))
        while not (leaving.done() or (await superuser.execute(waiting)).rowcount):
            assert monotonic() < deadline
            await asyncio.sleep(0.005)
    refused(await leaving, 409, "last_admin")


async def leave_by(way: str, client: httpx.AsyncClient, one: Person, other: Person) -> httpx.Response:
    match way:
        case "demote oneself":
            return await edit_user(client, one, one, is_admin=False)
        case "demote each other":
            return await edit_user(client, one, other, is_admin=False)
        case "delete each other":
            return await client.delete(f"/v1/users/{other.id}", headers=one)
        case _:
            return await leave(client, one)


@pytest.mark.parametrize("way", ["demote oneself", "demote each other", "delete each other", "leave"])
async def test_of_two_administrators_who_leave_at_once_one_stays(
    client: httpx.AsyncClient, superuser: Connection, admin: Person, other_admin: Person, way: str
) -> None:
    pairs = ((admin, other_admin), (other_admin, admin))
    answers = await asyncio.gather(*(leave_by(way, client, one, other) for one, other in pairs))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] in (200, 204)
    assert statuses[1] in (401, 403, 409)
    assert (await superuser.execute("SELECT FROM users WHERE is_admin AND is_active")).rowcount == 1
