"""Whether the process lives, and whether it wants traffic."""

import asyncio
from collections.abc import AsyncIterator, Callable
from time import monotonic

import httpx
import psycopg
import pytest
from structlog.testing import capture_logs

from backend.app import create_app
from backend.database.embedded import Embedded
from backend.database.migrate import files
from backend.database.probe import Probe
from backend.settings import Settings
from backend.worker import draining
from tests.conftest import client_of, cloned, running, settings_for

type Readiness = tuple[int, object]

READY, UNREADY = (200, {"status": "ready"}), (503, {"status": "unready"})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe looks more often than once a second."""
    monkeypatch.setattr(Probe, "_SECONDS", 0.02)


async def test_a_server_that_is_silent_is_not_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """To cancel what was asked of it takes the driver seconds more."""
    cancelled, gone = asyncio.Event(), asyncio.Event()

    async def silent(_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
            await gone.wait()

    monkeypatch.setattr("queries.schema.migrations", silent)
    monkeypatch.setattr(Probe, "_PATIENCE_SECONDS", 0.01)
    probe = Probe(settings)
    probe._healthy = True
    looking = asyncio.create_task(probe._look())
    await cancelled.wait()
    assert not probe.ready
    gone.set()
    await looking
    assert not probe.ready


async def readiness(client: httpx.AsyncClient) -> Readiness:
    answer = await client.get("/health/ready")
    assert answer.headers["content-type"] == "application/json"
    assert ("retry-after" in answer.headers) == (answer.status_code == 503)
    return answer.status_code, answer.json()


async def becomes(client: httpx.AsyncClient, wanted: Readiness) -> bool:
    deadline = monotonic() + 20
    while monotonic() < deadline:
        if await readiness(client) == wanted:
            return True
        await asyncio.sleep(0.01)
    return False


@pytest.fixture
async def unstarted(settings_with: Callable[..., Settings]) -> AsyncIterator[httpx.AsyncClient]:
    """The application before its start-up, with a database that does not answer."""
    settings = settings_with(DATABASE_URL="postgresql://nobody:nothing@127.0.0.1:1/none")
    async with client_of(create_app(settings), settings) as client:
        yield client


@pytest.mark.checklist(72)
async def test_it_lives_without_anything_else(unstarted: httpx.AsyncClient) -> None:
    answer = await unstarted.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.checklist(72)
async def test_it_is_unready_before_it_has_looked(unstarted: httpx.AsyncClient) -> None:
    assert await readiness(unstarted) == UNREADY


@pytest.mark.checklist(72)
async def test_it_is_unready_while_the_database_is_away_and_ready_when_it_is_back(
    postgres: Embedded, worker_id: str
) -> None:
    server = psycopg.connect(postgres.superuser_url, autocommit=True)
    with cloned(postgres, f"tests_{worker_id}_health") as name, server:
        settings = settings_for(postgres, name)
        async with running(settings) as app, client_of(app, settings) as client:
            assert await becomes(client, READY)
            server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false".encode())
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            assert await becomes(client, UNREADY)
            assert (await client.get("/health/live")).status_code == 200
            server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true".encode())
            assert await becomes(client, READY)


async def test_a_schema_that_is_too_old_is_unready(postgres: Embedded, worker_id: str) -> None:
    with cloned(postgres, f"tests_{worker_id}_old") as name:
        url = postgres.superuser_url.rsplit("/", 1)[0] + f"/{name}"
        settings = settings_for(postgres, name)
        with psycopg.connect(url, autocommit=True) as superuser:
            async with running(settings) as app, client_of(app, settings) as client:
                assert await becomes(client, READY)
                newest = "(SELECT max(name) FROM schema_migrations)"
                superuser.execute(f"UPDATE schema_migrations SET name = 'x' WHERE name = {newest}".encode())
                with capture_logs() as logs:
                    assert await becomes(client, UNREADY)
    (line,) = [one for one in logs if one["event"] == "readiness"]
    assert (line["ready"], line["not_migrated"], line["log_level"]) == (False, [files()[-1].name], "warning")


async def test_a_schema_that_is_newer_is_ready(postgres: Embedded, worker_id: str) -> None:
    with cloned(postgres, f"tests_{worker_id}_new") as name:
        url = postgres.superuser_url.rsplit("/", 1)[0] + f"/{name}"
        with psycopg.connect(url, autocommit=True) as superuser:
            superuser.execute("INSERT INTO schema_migrations (name, sha256) VALUES ('9999_later.sql', '')")
        settings = settings_for(postgres, name)
        async with running(settings) as app, client_of(app, settings) as client:
            assert await becomes(client, READY)


async def test_a_pool_that_is_exhausted_is_no_reason_to_be_unready(settings_with: Callable[..., Settings]) -> None:
    settings = settings_with(POOL_MIN_SIZE="1", POOL_MAX_SIZE="1", POOL_TIMEOUT="0.05")
    async with running(settings) as app, client_of(app, settings) as client:
        taken = await app.state.pool.getconn(timeout=30)
        try:
            assert await becomes(client, READY)
            body = {"refresh_token": "none"}
            assert (await client.post("/v1/login/refresh", json=body)).status_code == 503
            assert await readiness(client) == READY
        finally:
            await app.state.pool.putconn(taken)


async def test_it_is_unready_while_it_drains_and_still_answers(
    settings: Settings, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await becomes(client, READY)
    monkeypatch.setattr(draining, "is_set", lambda: True)
    assert await readiness(client) == UNREADY
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/.well-known/jwks.json")).status_code == 200
