"""Sessions: where one is logged in, and what ends when one logs out."""

import httpx
import pytest
from litestar import Litestar

from backend.settings import Settings
from tests.api.shapes import SESSION, bad_fields, is_new_id, is_time, refused
from tests.conftest import client_of
from tests.database import Connection
from tests.people import PASSWORD, Person, log_in, new_email
from tests.routes import NOBODY, routes_of


async def again(client: httpx.AsyncClient, person: Person, **more: str) -> Person:
    return await log_in(client, {"id": person.id, "email": person.email}, **more)


async def sessions_of(client: httpx.AsyncClient, person: Person) -> list[dict[str, object]]:
    answer = await client.get("/v1/sessions", headers=person)
    assert answer.status_code == 200, answer.text
    sessions: list[dict[str, object]] = answer.json()
    return sessions


async def lives(client: httpx.AsyncClient, person: Person) -> bool:
    """Whether the access token opens anything and the refresh token refreshes: both or neither."""
    used = await client.get("/v1/users/me", headers=person)
    renewed = await client.post("/v1/login/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    if used.status_code != 200:
        refused(used, 401, "invalid_token")
        refused(renewed, 401, "invalid_refresh_token")
    assert (used.status_code == 200) == (renewed.status_code == 200)
    return used.status_code == 200


# What is shown.


async def test_a_session_has_exactly_the_fields_of_the_contract(app: Litestar, settings: Settings) -> None:
    async with client_of(app, settings, "2001:DB8:0::7") as client:
        client.headers["user-agent"] = "Analytical/1.0"
        account = (await client.post("/v1/users", json={"email": new_email(), "password": PASSWORD})).json()
        (session,) = await sessions_of(client, await log_in(client, account, device_name="Engine"))
    assert list(session) == SESSION
    assert is_new_id(str(session["id"]))
    assert is_time(str(session["created_at"]))
    assert is_time(str(session["last_used_at"]))
    assert session | {"id": 0, "created_at": 0, "last_used_at": 0} == {
        "id": 0,
        "device_name": "Engine",
        "user_agent": "Analytical/1.0",
        "ip_address": "2001:db8::7",
        "created_at": 0,
        "last_used_at": 0,
        "is_current": True,
        "is_new_device": True,
    }


async def test_a_device_need_not_say_what_it_is(client: httpx.AsyncClient, ada: Person) -> None:
    del client.headers["user-agent"]
    person = await again(client, ada)
    session = (await sessions_of(client, person))[0]
    assert (session["device_name"], session["user_agent"]) == (None, None)


async def test_sessions_are_listed_newest_first_and_one_is_the_current(client: httpx.AsyncClient, ada: Person) -> None:
    people = [ada, await again(client, ada), await again(client, ada)]
    for place, person in enumerate(reversed(people)):
        sessions = await sessions_of(client, person)
        assert [session["is_current"] for session in sessions] == [n == place for n in range(3)]
        assert sessions == sorted(sessions, key=lambda session: str(session["id"]), reverse=True)


async def test_a_refresh_is_a_use(client: httpx.AsyncClient, ada: Person) -> None:
    (before,) = await sessions_of(client, ada)
    assert before["last_used_at"] == before["created_at"]
    await client.post("/v1/login/refresh", json={"refresh_token": ada.tokens["refresh_token"]})
    (after,) = await sessions_of(client, ada)
    assert str(after["last_used_at"]) > str(before["last_used_at"])
    assert after | {"last_used_at": 0} == before | {"last_used_at": 0}


async def test_a_device_is_new_the_first_time_and_no_other_is_taken_for_it(
    client: httpx.AsyncClient, ada: Person, bob: Person
) -> None:
    async def is_new(person: Person, agent: str, device: str) -> object:
        client.headers["user-agent"] = agent
        return (await sessions_of(client, await again(client, person, device_name=device)))[0]["is_new_device"]

    assert await is_new(ada, "Engine/1", "Kitchen") is True
    assert await is_new(ada, "Engine/1", "Kitchen") is False
    assert await is_new(ada, "Engine/1", "Cellar") is True
    assert await is_new(ada, "Engine/2", "Kitchen") is True
    assert await is_new(bob, "Engine/1", "Kitchen") is True
    await client.post("/v1/logout", params={"scope": "global"}, headers=ada)
    assert await is_new(ada, "Engine/1", "Kitchen") is False


async def test_an_ended_session_is_not_listed(client: httpx.AsyncClient, ada: Person, superuser: Connection) -> None:
    other = await again(client, ada)
    assert len(await sessions_of(client, ada)) == 2
    await client.post("/v1/logout", headers=other)
    idle = await again(client, ada)
    newest = (await sessions_of(client, ada))[0]["id"]
    await superuser.execute("UPDATE sessions SET idle_until = now() WHERE id = %s", (newest,))
    assert len(await sessions_of(client, ada)) == 1
    assert idle


# Log-out.


@pytest.mark.checklist(29)
@pytest.mark.parametrize(
    ("query", "surviving"),
    [
        ("", [False, True]),
        ("?scope=local", [False, True]),
        ("?scope=others", [True, False]),
        ("?scope=global", [False, False]),
    ],
)
async def test_logging_out_ends_at_once_what_it_says(
    client: httpx.AsyncClient, ada: Person, bob: Person, query: str, surviving: list[bool]
) -> None:
    here, there = ada, await again(client, ada)
    for person in (here, there):  # Their tokens have been verified and are remembered.
        assert (await client.get("/v1/users/me", headers=person)).status_code == 200
    answer = await client.post(f"/v1/logout{query}", headers=here)
    assert (answer.status_code, answer.content) == (204, b"")
    assert [await lives(client, person) for person in (here, there)] == surviving
    assert await lives(client, bob)


@pytest.mark.parametrize("scope", ["all", "", "LOCAL", "local,others", "x" * 5000])
async def test_another_scope_is_named_and_ends_nothing(client: httpx.AsyncClient, someone: Person, scope: str) -> None:
    answer = await client.post("/v1/logout", params={"scope": scope}, headers=someone)
    assert list(bad_fields(answer)) == ["scope"]
    assert (await client.get("/v1/users/me", headers=someone)).status_code == 200


async def test_whoever_has_logged_out_cannot_log_out_again(client: httpx.AsyncClient, ada: Person) -> None:
    await client.post("/v1/logout", headers=ada)
    refused(await client.post("/v1/logout", headers=ada), 401, "invalid_token")


# One session by its id.


@pytest.mark.checklist(29, 37)
async def test_one_ends_another_of_ones_sessions(client: httpx.AsyncClient, ada: Person) -> None:
    other = await again(client, ada)
    (current,) = [session for session in await sessions_of(client, other) if session["is_current"]]
    ended = await client.delete(f"/v1/sessions/{current['id']}", headers=ada)
    assert (ended.status_code, ended.content) == (204, b"")
    assert not await lives(client, other)
    assert await lives(client, ada)
    refused(await client.delete(f"/v1/sessions/{current['id']}", headers=ada), 404, "not_found")


async def test_one_may_end_the_session_one_is_in(client: httpx.AsyncClient, ada: Person) -> None:
    (session,) = await sessions_of(client, ada)
    assert (await client.delete(f"/v1/sessions/{session['id']}", headers=ada)).status_code == 204
    assert not await lives(client, ada)


@pytest.mark.checklist(45)
async def test_a_foreign_session_is_answered_like_one_that_never_was(
    client: httpx.AsyncClient, ada: Person, bob: Person
) -> None:
    (session,) = await sessions_of(client, ada)
    same = {"x-request-id": "3f2b8a4e-0c39-4b43-9d3b-0e9c5d1f7a10"}
    foreign = await client.delete(f"/v1/sessions/{session['id']}", headers=bob | same)
    missing = await client.delete(f"/v1/sessions/{NOBODY}", headers=bob | same)
    refused(foreign, 404, "not_found")
    assert (foreign.content, foreign.headers) == (missing.content, missing.headers)
    assert await lives(client, ada)


async def test_an_id_that_is_no_uuid_is_not_found(client: httpx.AsyncClient, someone: Person) -> None:
    refused(await client.delete("/v1/sessions/current", headers=someone), 404, "not_found")


# When the account goes, or the session, nothing is open any more.


@pytest.mark.checklist(29, 65)
@pytest.mark.parametrize("gone", ["deleted", "disabled", "logged out"])
async def test_without_a_session_every_route_that_wants_a_token_is_401(
    client: httpx.AsyncClient, app: Litestar, superuser: Connection, ada: Person, gone: str
) -> None:
    assert (await client.get("/v1/users/me", headers=ada)).status_code == 200
    if gone == "deleted":
        await superuser.execute("DELETE FROM users WHERE id = %s", (ada.id,))
    elif gone == "disabled":
        await superuser.execute("UPDATE users SET is_active = false WHERE id = %s", (ada.id,))
    else:
        await client.post("/v1/logout", headers=ada)
    bodies = {
        "PATCH": {},
        "POST": {"title": "x", "password": PASSWORD},
        "PUT": {"current_password": PASSWORD, "new_password": "y" * 3},
    }
    for route in routes_of(app):
        if route.handler.opt.get("exclude_from_auth"):
            continue
        for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
            answer = await client.request(method, route.address, headers=ada, json=bodies.get(method))
            assert (answer.status_code, route.name) == (401, route.name)
            assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.checklist(29)
@pytest.mark.parametrize(
    ("method", "path", "content", "content_type"),
    [
        ("POST", "/v1/items", b"{}", "application/json"),
        ("POST", "/v1/items", b"{", "application/json"),
        ("POST", "/v1/items", b"{}", "text/plain"),
        ("POST", "/v1/items", b"x" * (1024 * 1024 + 1), "application/json"),
        ("GET", "/v1/items?limit=0", b"", ""),
        ("GET", "/v1/items?colour=red", b"", ""),
        ("GET", "/v1/items?cursor=junk", b"", ""),
        ("POST", "/v1/logout?scope=all", b"", ""),
        ("GET", "/v1/users?limit=0", b"", ""),
    ],
)
async def test_an_ended_session_is_401_before_anything_else_is_said(
    client: httpx.AsyncClient, ada: Person, method: str, path: str, content: bytes, content_type: str
) -> None:
    await client.post("/v1/logout", headers=ada)
    headers = {"content-type": content_type} if content_type else {}
    answer = await client.request(method, path, headers=ada | headers, content=content)
    refused(answer, 401, "invalid_token")
