"""What happened to accounts is written down with the change itself, and stays when the answer was a refusal."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx
import pytest
from litestar import Litestar

from backend.database.probe import Alone
from backend.settings import Settings
from queries import operators
from queries._fetch import Conn
from queries.context import Context
from tests.database import Connection, introduce, rows
from tests.people import PASSWORD, Person, new_address, new_email

pytestmark = pytest.mark.checklist(69)

WRONG: Final = "nobody has this password"
NEW: Final = "quite another passphrase"
EVENTS: Final = """
SELECT event, actor_id::text, session_id::text, host(ip_address)
FROM   audit_events
WHERE  user_id = %s
ORDER BY id
"""

type Trail = Callable[[Person], Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def trail(superuser: Connection) -> Trail:
    """Reads on another connection, so what it sees is committed."""

    async def read(person: Person) -> list[dict[str, Any]]:
        found = await rows(superuser, EVENTS, person.id)
        return [dict(zip(("event", "actor", "session", "address"), row, strict=True)) for row in found]

    return read


@pytest.fixture
def session_of(superuser: Connection) -> Callable[[Person], Awaitable[str]]:
    async def read(person: Person) -> str:
        return str((await rows(superuser, "SELECT id FROM sessions WHERE user_id = %s ORDER BY id", person.id))[0][0])

    return read


def from_address() -> tuple[dict[str, str], str]:
    address = new_address()
    return {"x-forwarded-for": address}, httpx.URL(f"http://[{address}]").host


async def test_a_sign_up_and_a_log_in(client: httpx.AsyncClient, trail: Trail, superuser: Connection) -> None:
    headers, address = from_address()
    credentials = {"email": new_email(), "password": PASSWORD}
    account = (await client.post("/v1/users", json=credentials, headers=headers)).json()
    tokens = (await client.post("/v1/login", json=credentials, headers=headers)).json()
    person = Person(account, tokens)
    session = str((await rows(superuser, "SELECT id FROM sessions WHERE user_id = %s", person.id))[0][0])
    same = {"actor": person.id, "address": address}
    assert await trail(person) == [
        {"event": "signed_up", "session": None, **same},
        {"event": "login", "session": session, **same},
    ]


async def test_a_log_in_that_failed(client: httpx.AsyncClient, trail: Trail, ada: Person) -> None:
    headers, address = from_address()
    refused = await client.post("/v1/login", json={"email": ada.email, "password": WRONG}, headers=headers)
    assert refused.status_code == 401
    assert await trail(ada) == [{"event": "login_failed", "actor": None, "session": None, "address": address}]


async def test_a_log_in_that_failed_for_nobody(client: httpx.AsyncClient, superuser: Connection) -> None:
    headers, address = from_address()
    refused = await client.post("/v1/login", json={"email": new_email(), "password": WRONG}, headers=headers)
    assert refused.status_code == 401
    at = "SELECT event, user_id, actor_id FROM audit_events WHERE ip_address = %s"
    assert await rows(superuser, at, address) == [("login_failed", None, None)]


async def test_a_log_in_of_somebody_disabled(
    client: httpx.AsyncClient, trail: Trail, ada: Person, superuser: Connection
) -> None:
    await superuser.execute("UPDATE users SET is_active = false WHERE id = %s", (ada.id,))
    await client.post("/v1/login", json={"email": ada.email, "password": PASSWORD})
    assert [one["event"] for one in await trail(ada)] == ["login_failed"]


@pytest.mark.checklist(32)
async def test_a_replay(
    client: httpx.AsyncClient, trail: Trail, ada: Person, session_of: Callable[[Person], Awaitable[str]]
) -> None:
    headers, address = from_address()
    first = {"refresh_token": ada.tokens["refresh_token"]}
    second = (await client.post("/v1/login/refresh", json=first)).json()
    await client.post("/v1/login/refresh", json={"refresh_token": second["refresh_token"]})
    assert (await client.post("/v1/login/refresh", json=first, headers=headers)).status_code == 401
    replayed = {"event": "refresh_replayed", "actor": None, "session": await session_of(ada), "address": address}
    assert await trail(ada) == [replayed]
    assert (await client.post("/v1/login/refresh", json=first)).status_code == 401
    assert await trail(ada) == [replayed], "a session ends once"


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/logout"), ("DELETE", "/v1/sessions/{session}")])
async def test_a_session_that_its_owner_ends(
    method: str,
    path: str,
    client: httpx.AsyncClient,
    trail: Trail,
    ada: Person,
    session_of: Callable[[Person], Awaitable[str]],
) -> None:
    session = await session_of(ada)
    assert (await client.request(method, path.format(session=session), headers=ada)).status_code == 204
    (ended,) = await trail(ada)
    assert (ended["event"], ended["actor"], ended["session"]) == ("session_ended", ada.id, session)


async def test_a_password_that_was_refused_and_one_that_was_changed(
    client: httpx.AsyncClient, trail: Trail, ada: Person, session_of: Callable[[Person], Awaitable[str]]
) -> None:
    headers, address = from_address()
    for current, status in ((WRONG, 422), (PASSWORD, 204)):
        body = {"current_password": current, "new_password": NEW}
        answer = await client.put("/v1/users/me/password", json=body, headers=ada | headers)
        assert answer.status_code == status
    same = {"actor": ada.id, "session": await session_of(ada), "address": address}
    assert await trail(ada) == [{"event": "password_check_failed", **same}, {"event": "password_changed", **same}]


async def test_an_account_that_its_owner_deletes(client: httpx.AsyncClient, trail: Trail, ada: Person) -> None:
    assert (await client.post("/v1/users/me/deletion", json={"password": PASSWORD}, headers=ada)).status_code == 204
    (deleted,) = await trail(ada)
    assert (deleted["event"], deleted["actor"]) == ("user_deleted", ada.id)


CHANGES: Final = {
    "user_promoted": {"is_admin": True},
    "user_demoted": {"is_admin": False},
    "user_disabled": {"is_active": False},
    "user_enabled": {"is_active": True},
    "user_renamed": {"full_name": "Augusta Ada King"},
}


async def test_what_an_administrator_does_to_somebody(
    client: httpx.AsyncClient, trail: Trail, ada: Person, admin: Person
) -> None:
    address = f"/v1/users/{ada.id}"
    for change in CHANGES.values():
        for _ in ("it is changed", "it is so already, and nothing happens"):
            assert (await client.patch(address, json=change, headers=admin)).status_code == 200
    assert (await client.delete(address, headers=admin)).status_code == 204
    events = await trail(ada)
    assert [one["event"] for one in events] == [*CHANGES, "user_deleted"]
    assert {one["actor"] for one in events} == {admin.id}


async def test_sessions_that_an_administrator_ends(
    client: httpx.AsyncClient, trail: Trail, ada: Person, admin: Person, session_of: Callable[[Person], Awaitable[str]]
) -> None:
    session = await session_of(ada)
    assert (await client.delete(f"/v1/users/{ada.id}/sessions", headers=admin)).status_code == 204
    (ended,) = await trail(ada)
    assert (ended["event"], ended["actor"], ended["session"]) == ("session_ended", admin.id, session)


async def test_what_was_refused_did_not_happen(
    client: httpx.AsyncClient, trail: Trail, ada: Person, bob: Person
) -> None:
    await client.patch(f"/v1/users/{ada.id}", json={"is_admin": True}, headers=bob)
    await client.delete(f"/v1/users/{ada.id}", headers=bob)
    assert await trail(ada) == []


async def test_what_the_operator_does(
    superuser: Connection, app: Litestar, settings: Settings, trail: Trail, ada: Person
) -> None:
    assert settings.database_owner_url
    await introduce(superuser, app, settings, "other", admin=True)
    alone = Alone(settings.database_owner_url)
    conn = Conn(alone, Context(5000))
    email = new_email()
    made = await operators.create_user(conn, email=email, password_hash="x", full_name=None, is_admin=True)
    await operators.set_rights(conn, email=email, is_active=None, is_admin=False)
    await operators.set_rights(conn, email=ada.email, is_active=False, is_admin=True)
    assert await operators.end_sessions(conn, ada.email) == 0, "a disabled account has none"
    await alone.close()
    found = "SELECT event, actor_id FROM audit_events WHERE user_id = %s ORDER BY id"
    assert await rows(superuser, found, made) == [("admin_created", None), ("user_demoted", None)]
    assert await rows(superuser, found, ada.id) == [("user_disabled", None), ("user_promoted", None)]


@pytest.mark.checklist(48)
async def test_the_trail_outlives_the_account_and_says_nothing_that_is_secret(superuser: Connection) -> None:
    references = "SELECT FROM pg_constraint WHERE conrelid = 'audit_events'::regclass AND contype = 'f'"
    assert await rows(superuser, references) == []
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'audit_events'::regclass AND attnum > 0 ORDER BY 1"
    kept = {name for (name,) in await rows(superuser, columns)}
    assert kept == {"id", "at", "event", "user_id", "actor_id", "session_id", "ip_address"}
