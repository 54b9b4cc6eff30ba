"""Sessions: where one is logged in, and how one of them is ended."""

import httpx
import pytest
from litestar import Litestar

from backend.settings import Settings
from tests.api.acts import lives, log_in_again, refresh
from tests.api.shapes import SESSION, is_new_id, is_time, refused
from tests.conftest import client_of
from tests.database import Connection
from tests.people import PASSWORD, Person, log_in, new_email
from tests.routes import NOBODY


async def sessions_of(client: httpx.AsyncClient, person: Person) -> list[dict[str, object]]:
    answer = await client.get("/v1/sessions", headers=person)
    assert answer.status_code == 200, answer.text
    sessions: list[dict[str, object]] = answer.json()
    return sessions


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
    person = await log_in_again(client, ada)
    session = (await sessions_of(client, person))[0]
    assert (session["device_name"], session["user_agent"]) == (None, None)


async def test_sessions_are_listed_newest_first_and_one_is_the_current(client: httpx.AsyncClient, ada: Person) -> None:
    people = [ada, await log_in_again(client, ada), await log_in_again(client, ada)]
    for place, person in enumerate(reversed(people)):
        sessions = await sessions_of(client, person)
        assert [session["is_current"] for session in sessions] == [n == place for n in range(3)]
        assert sessions == sorted(sessions, key=lambda session: str(session["id"]), reverse=True)


async def test_a_refresh_is_a_use(client: httpx.AsyncClient, ada: Person) -> None:
    (before,) = await sessions_of(client, ada)
    assert before["last_used_at"] == before["created_at"]
    await refresh(client, ada.tokens["refresh_token"])
    (after,) = await sessions_of(client, ada)
    assert str(after["last_used_at"]) > str(before["last_used_at"])
    assert after | {"last_used_at": 0} == before | {"last_used_at": 0}


async def test_a_device_is_new_the_first_time_and_no_other_is_taken_for_it(
    client: httpx.AsyncClient, ada: Person, bob: Person
) -> None:
    async def is_new(person: Person, agent: str, device: str) -> object:
        client.headers["user-agent"] = agent
        return (await sessions_of(client, await log_in_again(client, person, device_name=device)))[0]["is_new_device"]

    assert await is_new(ada, "Engine/1", "Kitchen") is True
    assert await is_new(ada, "Engine/1", "Kitchen") is False
    assert await is_new(ada, "Engine/1", "Cellar") is True
    assert await is_new(ada, "Engine/2", "Kitchen") is True
    assert await is_new(bob, "Engine/1", "Kitchen") is True
    await client.post("/v1/logout", params={"scope": "global"}, headers=ada)
    assert await is_new(ada, "Engine/1", "Kitchen") is False


async def test_an_ended_session_is_not_listed(client: httpx.AsyncClient, ada: Person, superuser: Connection) -> None:
    other = await log_in_again(client, ada)
    assert len(await sessions_of(client, ada)) == 2
    await client.post("/v1/logout", headers=other)
    assert len(await sessions_of(client, ada)) == 1
    await log_in_again(client, ada)
    newest = (await sessions_of(client, ada))[0]["id"]
    await superuser.execute("UPDATE sessions SET idle_until = now() WHERE id = %s", (newest,))
    assert len(await sessions_of(client, ada)) == 1


@pytest.mark.checklist(29, 37)
async def test_one_ends_another_of_ones_sessions(client: httpx.AsyncClient, ada: Person) -> None:
    other = await log_in_again(client, ada)
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
