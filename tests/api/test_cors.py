"""Pages of other origins: those that were named, and nobody else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.types import ASGIApp

from backend.admission import Admission
from backend.app import at_the_edge
from backend.settings import Settings
from tests.api.asgi import scope_of
from tests.api.shapes import refused
from tests.conftest import client_of, running
from tests.people import Person

ORIGIN, HOSTILE = "https://app.example", "https://evil.example"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type"}


@pytest.fixture
async def shared(settings_with: Callable[..., Settings]) -> AsyncIterator[httpx.AsyncClient]:
    """An application that lets one other origin in."""
    settings = settings_with(CORS_ORIGINS=ORIGIN)
    async with running(settings) as started, client_of(started, settings) as client:
        yield client


@pytest.mark.checklist(57)
async def test_a_hostile_origin_is_allowed_nothing(shared: httpx.AsyncClient, someone: Person) -> None:
    for origin in (HOSTILE, "null", f"{ORIGIN}.evil.example", ORIGIN.replace("https", "http"), f"{ORIGIN}:8443", "*"):
        for path in ("/v1/users/me", "/health/live", "/nowhere"):
            for answer in (
                await shared.get(path, headers=someone | {"origin": origin}),
                await shared.options(path, headers={"origin": origin} | PREFLIGHT),
            ):
                assert not [name for name in answer.headers if name.startswith("access-control-")]
                if answer.is_error:
                    refused(answer, 404, "not_found")


@pytest.mark.checklist(57)
async def test_a_configured_origin_is_allowed_by_name(shared: httpx.AsyncClient, someone: Person) -> None:
    preflight = await shared.options("/v1/items", headers={"origin": ORIGIN} | PREFLIGHT)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    allowed = {one.strip().lower() for one in preflight.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type"} <= allowed
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert int(preflight.headers["access-control-max-age"]) > 0
    for path, status in (("/v1/items", 200), ("/v1/items?limit=0", 422), ("/nowhere", 404)):
        answer = await shared.get(path, headers=someone | {"origin": ORIGIN})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, ORIGIN)
    refusal = await shared.get("/v1/items", headers={"origin": ORIGIN})
    assert (refusal.status_code, refusal.headers["access-control-allow-origin"]) == (401, ORIGIN)


async def test_what_is_refused_at_the_edge_may_be_read_too(
    settings_with: Callable[..., Settings], app: Litestar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has been asked of the application yet, or too late."""
    settings = settings_with(CORS_ORIGINS=ORIGIN, REQUEST_TIMEOUT="0.05")
    late = [(at_the_edge(app, settings), 408)]
    monkeypatch.setattr("backend.edge.Admission", lambda *_: Admission(0, 0, 0))
    for edge, status in (*late, (at_the_edge(app, settings), 503)):
        for origin in (ORIGIN, HOSTILE):
            scope = scope_of("POST", "/v1/login", {"origin": origin, "content-type": "application/json"})
            headers = await refusal_of(edge, scope, status)
            assert headers.get(b"access-control-allow-origin") == (origin.encode() if origin == ORIGIN else None)
            assert headers[b"vary"] == b"Origin"


async def refusal_of(edge: ASGIApp, scope: dict[str, Any], status: int) -> dict[bytes, bytes]:
    """The headers of what somebody is told whose body does not come."""
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await edge(scope, receive, send)  # type: ignore[arg-type]  # A scope as it is on the wire.
    assert sent[0]["status"] == status
    return dict(sent[0]["headers"])


@pytest.mark.checklist(57)
async def test_what_depends_on_the_origin_says_so_and_still_on_whom_it_is_for(
    shared: httpx.AsyncClient, someone: Person
) -> None:
    for origin in ({"origin": ORIGIN}, {"origin": HOSTILE}, {}):
        answer = await shared.get("/v1/items", headers=someone | origin)
        vary = [one.strip() for one in ",".join(answer.headers.get_list("vary")).split(",")]
        assert sorted(vary) == ["Accept", "Accept-Encoding", "Authorization", "Origin"]


@pytest.mark.checklist(57)
async def test_never_is_everybody_allowed_with_credentials(
    shared: httpx.AsyncClient, client: httpx.AsyncClient, someone: Person
) -> None:
    for other in (client, shared):
        for origin in (ORIGIN, HOSTILE):
            for answer in (
                await other.get("/v1/users/me", headers=someone | {"origin": origin, "cookie": "a=b"}),
                await other.options("/v1/users/me", headers={"origin": origin} | PREFLIGHT),
            ):
                assert answer.headers.get("access-control-allow-origin") != "*"
                assert "access-control-allow-credentials" not in answer.headers


async def test_what_is_no_preflight_is_asked_of_the_application(shared: httpx.AsyncClient) -> None:
    answer = await shared.options("/v1/items", headers={"origin": ORIGIN})
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert "access-control-allow-methods" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.checklist(57)
async def test_without_configured_origins_nobody_is_allowed(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.get("/health/live", headers={"origin": ORIGIN}),
        await client.options("/v1/items", headers={"origin": ORIGIN} | PREFLIGHT),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
