"""Refresh tokens: each is used once, and whoever uses an old one again ends the session."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from litestar import Litestar

from backend.security.tokens import RefreshTokens
from backend.settings import Settings
from tests.api.acts import log_in_again, refresh
from tests.api.shapes import TOKENS, bad_fields, refused
from tests.conftest import client_of, running
from tests.database import Connection
from tests.people import Person, join


async def rotated(client: httpx.AsyncClient, token: str) -> str:
    answer = await refresh(client, token)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])


async def generation(superuser: Connection, person: Person) -> int:
    cursor = await superuser.execute("SELECT generation FROM sessions WHERE user_id = %s", (person.id,))
    row = await cursor.fetchone()
    assert row
    return int(row[0])


async def has_ended(superuser: Connection, person: Person) -> bool:
    cursor = await superuser.execute("SELECT ended_at IS NOT NULL FROM sessions WHERE user_id = %s", (person.id,))
    return await cursor.fetchone() == (True,)


@pytest.mark.checklist(32, 38)
async def test_a_refresh_gives_new_tokens_for_the_same_session(client: httpx.AsyncClient, ada: Person) -> None:
    answer = await refresh(client, ada.tokens["refresh_token"])
    tokens = answer.json()
    assert (answer.status_code, list(tokens)) == (200, TOKENS)
    assert answer.headers["cache-control"] == "no-store"
    assert tokens["refresh_token"] != ada.tokens["refresh_token"]
    assert tokens["access_token"] != ada.tokens["access_token"]
    renewed = Person({"id": ada.id, "email": ada.email}, tokens)
    sessions = (await client.get("/v1/sessions", headers=renewed)).json()
    assert [session["is_current"] for session in sessions] == [True]
    assert sessions == (await client.get("/v1/sessions", headers=ada)).json()


@pytest.mark.checklist(33)
async def test_in_the_grace_the_predecessor_gets_the_current_token_and_moves_nothing(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    first = ada.tokens["refresh_token"]
    second = await rotated(client, first)
    assert [await rotated(client, first) for _ in range(3)] == [second] * 3
    assert await generation(superuser, ada) == 1
    third = await rotated(client, second)
    assert third not in (first, second)
    assert await rotated(client, second) == third


@pytest.mark.checklist(33, 34)
async def test_of_fifty_refreshes_at_once_one_moves_and_all_get_the_same_token(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    answers = await asyncio.gather(*(refresh(client, ada.tokens["refresh_token"]) for _ in range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    current = {answer.json()["refresh_token"] for answer in answers}
    assert len(current) == 1
    assert await generation(superuser, ada) == 1
    assert (await refresh(client, current.pop())).status_code == 200


@pytest.mark.checklist(32)
async def test_an_older_generation_ends_the_session_even_within_the_grace(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    first = ada.tokens["refresh_token"]
    third = await rotated(client, await rotated(client, first))
    refused(await refresh(client, first), 401, "invalid_refresh_token")
    assert await has_ended(superuser, ada)
    refused(await refresh(client, third), 401, "invalid_refresh_token")
    refused(await client.get("/v1/users/me", headers=ada), 401, "invalid_token")


@pytest.mark.checklist(32)
async def test_a_replay_after_the_grace_ends_the_session_for_every_connection_to_see(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    first = ada.tokens["refresh_token"]
    second = await rotated(client, first)
    await superuser.execute(
        "UPDATE sessions SET rotated_at = rotated_at - interval '11 s' WHERE user_id = %s", [ada.id]
    )
    refused(await refresh(client, first), 401, "invalid_refresh_token")
    assert await has_ended(superuser, ada)
    noted = await superuser.execute(
        "SELECT FROM audit_events WHERE user_id = %s AND event = 'refresh_replayed'", (ada.id,)
    )
    assert noted.rowcount == 1
    refused(await refresh(client, second), 401, "invalid_refresh_token")
    refused(await client.get("/v1/users/me", headers=ada), 401, "invalid_token")


@pytest.mark.checklist(32)
async def test_the_grace_is_a_setting(settings_with: Callable[..., Settings], superuser: Connection) -> None:
    settings = settings_with(REFRESH_GRACE_SECONDS="0")
    async with running(settings) as app, client_of(app, settings) as client:
        person = await join(client)
        first = person.tokens["refresh_token"]
        await rotated(client, first)
        refused(await refresh(client, first), 401, "invalid_refresh_token")
    assert await has_ended(superuser, person)


async def test_one_session_that_ends_leaves_the_others_alone(client: httpx.AsyncClient, ada: Person) -> None:
    other = await log_in_again(client, ada)
    await rotated(client, await rotated(client, ada.tokens["refresh_token"]))
    refused(await refresh(client, ada.tokens["refresh_token"]), 401, "invalid_refresh_token")
    assert (await client.get("/v1/users/me", headers=other)).status_code == 200
    assert (await refresh(client, other.tokens["refresh_token"])).status_code == 200


@pytest.mark.checklist(24, 31)
async def test_nothing_else_refreshes(client: httpx.AsyncClient, ada: Person) -> None:
    token = ada.tokens["refresh_token"]
    forged = [
        "",
        "lsr1_",
        token[:-1],
        token + "A",
        token.upper(),
        token[:20] + "A" + token[21:],
        token.removeprefix("l"),
    ]
    for other in (*forged, ada.tokens["access_token"][:512], ada.id, "null", "\N{SNOWMAN}" * 80):
        refused(await refresh(client, other), 401, "invalid_refresh_token")
    assert (await refresh(client, token)).status_code == 200


@pytest.mark.checklist(31)
async def test_a_token_of_another_secret_key_does_not_refresh(
    client: httpx.AsyncClient, app: Litestar, settings_with: Callable[..., Settings], ada: Person, superuser: Connection
) -> None:
    cursor = await superuser.execute("SELECT id FROM sessions WHERE user_id = %s", (ada.id,))
    row = await cursor.fetchone()
    assert row
    others = RefreshTokens(settings_with(SECRET_KEY="pZB4mH0s9Jq1xVtKfWc7uYg3EnRdLaT2oXiM8PwbCvQ="))
    refused(await refresh(client, others.issue(row[0], 0)), 401, "invalid_refresh_token")
    assert not await has_ended(superuser, ada)


async def test_a_generation_that_is_yet_to_come_neither_refreshes_nor_ends_the_session(
    client: httpx.AsyncClient, settings: Settings, ada: Person, superuser: Connection
) -> None:
    cursor = await superuser.execute("SELECT id FROM sessions WHERE user_id = %s", (ada.id,))
    row = await cursor.fetchone()
    assert row
    for ahead in (1, 2, 2**40):
        refused(await refresh(client, RefreshTokens(settings).issue(row[0], ahead)), 401, "invalid_refresh_token")
    assert not await has_ended(superuser, ada)
    assert await generation(superuser, ada) == 0


async def test_what_breaks_the_contract_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/login/refresh", json={"refresh_token": 7, "scope": "all"})
    assert bad_fields(answer) == {"/refresh_token": "invalid", "/scope": "unknown_field"}
    assert bad_fields(await client.post("/v1/login/refresh", json={})) == {"/refresh_token": "missing"}
    assert bad_fields(await refresh(client, "x" * 513)) == {"/refresh_token": "out_of_range"}
