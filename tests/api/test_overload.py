"""Too late, and too much: refused in time, with nothing half done."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar

from backend.app import at_the_edge
from backend.settings import Settings
from tests.api.shapes import refused
from tests.conftest import client_of, running
from tests.database import Connection
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
    settings, busy = settings_with(HASH_WORKERS="1", HASH_QUEUE="0"), threading.Event()
    async with running(settings) as app, client_of(app, settings) as client:
        held = asyncio.create_task(app.state.passwords._pool.run(busy.wait))
        await asyncio.sleep(0)
        try:
            refused(await client.post("/v1/login", json={"email": ada.email, "password": PASSWORD}), 503, "overloaded")
        finally:
            busy.set()
            await held
    key = "SELECT FROM throttles WHERE key LIKE '%' || encode(sha256(convert_to(%s, 'UTF8')), 'hex')"
    assert (await superuser.execute(key.replace("'%'", "'%%'"), (ada.email,))).rowcount == 0
