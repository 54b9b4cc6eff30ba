"""Too late, and too much: refused in time, with nothing half done."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar

from backend.admission import Admission
from backend.app import at_the_edge
from backend.settings import Settings
from tests.api.asgi import scope_of
from tests.api.shapes import refused
from tests.conftest import client_of, running
from tests.database import Connection, until
from tests.people import PASSWORD, Person, new_email


async def test_a_body_that_stalls_is_408(settings_with: Callable[..., Settings], app: Litestar) -> None:
    edge = at_the_edge(app, settings_with(REQUEST_TIMEOUT="0.5"))
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/login",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"50")],
        "client": ("203.0.113.7", 1),
    }
    chunks = [{"type": "http.request", "body": b'{"email":', "more_body": True}]
    sent: list[Any] = []

    async def receive() -> Any:
        return chunks.pop() if chunks else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await edge(scope, receive, send)  # type: ignore[arg-type]  # A scope as small as it can be.
    start, body = sent
    assert start["status"] == 408
    assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
    assert b'"code":"body_timeout"' in body["body"]


async def test_a_request_that_takes_too_long_is_504(
    settings_with: Callable[..., Settings], app: Litestar, superuser: Connection, ada: Person
) -> None:
    async with superuser.transaction():
        await superuser.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (ada.id,))
        async with client_of(app, settings_with(REQUEST_TIMEOUT="0.05")) as client:
            answer = await client.patch("/v1/users/me", json={"full_name": "A"}, headers=ada)
    refused(answer, 504, "deadline_exceeded")


async def test_a_statement_that_takes_too_long_is_504(
    settings_with: Callable[..., Settings], superuser: Connection, ada: Person
) -> None:
    settings = settings_with(STATEMENT_TIMEOUT="0.05")
    async with running(settings) as app, client_of(app, settings) as client, superuser.transaction():
        await superuser.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (ada.id,))
        answer = await client.patch("/v1/users/me", json={"full_name": "A"}, headers=ada)
    refused(answer, 504, "deadline_exceeded")


@pytest.mark.checklist(53)
async def test_a_pool_with_nothing_free_is_503(settings_with: Callable[..., Settings], ada: Person) -> None:
    settings = settings_with(POOL_MIN_SIZE="1", POOL_MAX_SIZE="1", POOL_MAX_WAITING="1", POOL_TIMEOUT="0.05")
    async with running(settings) as app, client_of(app, settings) as client:
        taken = await app.state.pool.getconn(timeout=30)
        answers = await asyncio.gather(*(client.get("/v1/users/me", headers=ada) for _ in range(3)))
        await app.state.pool.putconn(taken)
        for answer in answers:
            refused(answer, 503, "overloaded")
        assert (await client.get("/v1/users/me", headers=ada)).status_code == 200


@pytest.mark.checklist(20)
async def test_what_does_not_fit_into_the_hash_pool_is_503_and_not_hashed(
    settings_with: Callable[..., Settings],
) -> None:
    settings = settings_with(HASH_WORKERS="1", HASH_QUEUE="1")
    async with running(settings) as app, client_of(app, settings) as client:
        bodies = [{"email": new_email(), "password": PASSWORD} for _ in range(12)]
        answers = await asyncio.gather(*(client.post("/v1/users", json=body) for body in bodies))
        made = [answer for answer in answers if answer.status_code == 201]
        assert 0 < len(made) < len(answers)
        assert app.state.passwords.hashes_executed == len(made)
        for answer in answers:
            if answer not in made:
                refused(answer, 503, "overloaded")


@pytest.mark.checklist(20)
async def test_a_log_in_refused_for_overload_is_nobodys_failure(
    settings_with: Callable[..., Settings], ada: Person, superuser: Connection
) -> None:
    settings = settings_with(HASH_WORKERS="1", HASH_QUEUE="0")
    async with running(settings) as app, client_of(app, settings) as client:
        held = asyncio.create_task(app.state.passwords.hash(PASSWORD))  # It takes longer than a refusal.
        await asyncio.sleep(0)
        refused(await client.post("/v1/login", json={"email": ada.email, "password": PASSWORD}), 503, "overloaded")
        assert not held.done()
        await held
    key = "SELECT FROM throttles WHERE key LIKE '%' || encode(sha256(convert_to(%s, 'UTF8')), 'hex')"
    assert (await superuser.execute(key.replace("'%'", "'%%'"), (ada.email,))).rowcount == 0


async def test_bodies_that_stall_keep_nobody_out(
    settings_with: Callable[..., Settings], app: Litestar, ada: Person
) -> None:
    settings = settings_with(HASH_WORKERS="1", HASH_QUEUE="1", REQUEST_TIMEOUT="20")
    edge, stalled = at_the_edge(app, settings), asyncio.Event()
    waiting = 0

    async def receive() -> Any:
        nonlocal waiting
        waiting += 1
        await stalled.wait()
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(_: object) -> None:
        """Nobody listens."""

    headers = [(b"content-type", b"application/json"), (b"authorization", ada["authorization"].encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/items", "query_string": b"", "headers": headers}
    tasks = [asyncio.create_task(edge({**scope}, receive, send)) for _ in range(200)]  # type: ignore[arg-type, misc]  # As above.
    await until(lambda: waiting == len(tasks))
    transport = httpx.ASGITransport(edge)  # type: ignore[arg-type]  # Litestar's types, and httpx's.
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/v1/users/me", headers=ada)).status_code == 200
    stalled.set()
    await asyncio.gather(*tasks)


async def test_log_ins_that_wait_for_a_hash_and_readers_that_stall_keep_nobody_out(
    settings: Settings, app: Litestar, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one slot, and both of them would have it."""
    monkeypatch.setattr("backend.edge._SLOTS", 1)
    edge, hashing, released = at_the_edge(app, settings), asyncio.Event(), asyncio.Event()
    hashed = app.state.passwords._pool.run

    async def run(*given: Any, **named: Any) -> Any:
        hashing.set()
        await released.wait()
        return await hashed(*given, **named)

    monkeypatch.setattr(app.state.passwords._pool, "run", run)
    stalled = asyncio.Event()

    async def receive() -> Any:
        await released.wait()
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        stalled.set()
        await released.wait()

    reader = asyncio.create_task(edge(scope_of("GET", "/v1/items/export", ada), receive, send))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(edge)  # type: ignore[arg-type]  # As above.
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client, asyncio.timeout(20):
        await stalled.wait()
        log_in = asyncio.create_task(client.post("/v1/login", json={"email": ada.email, "password": PASSWORD}))
        await hashing.wait()
        assert (await client.get("/v1/users/me", headers=ada)).status_code == 200
        released.set()
        assert (await log_in).status_code == 200
    await reader


async def test_requests_that_find_no_place_are_refused_before_anything_is_done_and_health_is_not(
    settings: Settings, app: Litestar, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.edge.Admission", lambda *_: Admission(0, 0, 0))
    async with client_of(app, settings) as client:
        answer = await client.get("/v1/users/me", headers=ada)
        refused(answer, 503, "overloaded")
        assert answer.headers["retry-after"] == "1"
        assert (await client.get("/health/live")).status_code == 200


async def test_while_no_password_can_be_hashed_log_ins_are_turned_away_and_the_rest_goes_on(
    settings: Settings, app: Litestar, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state.passwords, "is_full", lambda: True)
    async with client_of(app, settings) as client:
        for path in ("/v1/login", "/v1/users"):
            answer = await client.post(path, json={"email": new_email(), "password": PASSWORD})
            refused(answer, 503, "overloaded")
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
        assert (await client.get("/v1/users/me", headers=ada)).status_code == 200
