"""The counts are those of all workers and of all that happens at once; without them nobody passes."""

import asyncio
from collections.abc import Callable

import httpx
import psycopg
import pytest
from litestar import Litestar

from backend.database.embedded import Embedded
from backend.settings import Settings
from tests.api.acts import hashes, refresh, sign_up
from tests.api.shapes import refused, wait_of
from tests.api.throttles import attempts, by_account, by_address, count_up, guess, log_in
from tests.conftest import client_of, cloned, running, settings_for
from tests.database import Connection
from tests.people import PASSWORD, Person, join, new_address


@pytest.mark.checklist(15, 16)
async def test_guesses_at_once_do_not_slip_through_together(
    client: httpx.AsyncClient, app: Litestar, superuser: Connection, ada: Person
) -> None:
    await count_up(superuser, by_account(ada.email), 18)
    before = hashes(app)
    answers = await asyncio.gather(*(log_in(client, ada.email) for _ in range(40)))
    assert sorted(answer.status_code for answer in answers) == [401] + [429] * 39
    assert hashes(app) - before == 1
    assert await attempts(superuser, by_account(ada.email)) == 19


@pytest.mark.checklist(15)
async def test_workers_count_together(
    client: httpx.AsyncClient, settings: Settings, superuser: Connection, ada: Person
) -> None:
    async with running(settings) as other_app, client_of(other_app, settings) as other:
        await guess(client, ada.email)
        await guess(other, ada.email)
        assert await attempts(superuser, by_account(ada.email)) == 2
        await count_up(superuser, by_account(ada.email), 20)
        await guess(client, ada.email)
        wait_of(await log_in(other, ada.email, PASSWORD))
        assert hashes(other_app) == 1


async def test_limits_can_be_switched_off(
    settings_with: Callable[..., Settings], superuser: Connection, ada: Person
) -> None:
    settings, address = settings_with(RATE_LIMITS="off"), new_address()
    await count_up(superuser, by_account(ada.email), 50)
    async with running(settings) as app, client_of(app, settings) as client:
        for _ in range(3):
            await guess(client, ada.email, address)
        assert (await log_in(client, ada.email, PASSWORD, address)).status_code == 200
    assert await attempts(superuser, by_address(address)) == 0


@pytest.mark.checklist(17, 76)
async def test_without_the_database_nobody_passes(postgres: Embedded, worker_id: str) -> None:
    server = psycopg.connect(postgres.superuser_url, autocommit=True)
    with cloned(postgres, f"tests_{worker_id}_down") as name, server:
        settings = settings_for(postgres, name, POOL_TIMEOUT="0.05")
        async with running(settings) as app, client_of(app, settings) as client:
            await app.state.pool.wait(timeout=30)
            person = await join(client)
            assert (await client.get("/v1/users/me", headers=person)).status_code == 200
            server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false".encode())
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            before = hashes(app)
            for _ in range(3):
                for answer in (
                    await log_in(client, person.email, PASSWORD),
                    await log_in(client, person.email),
                    await refresh(client, person.tokens["refresh_token"]),
                    await refresh(client, "forged"),
                    await client.get("/v1/users/me", headers=person),
                    await client.post("/v1/logout", headers=person),
                ):
                    refused(answer, 503, answer.json()["code"])
            assert hashes(app) == before
            refused(await sign_up(client), 503, "overloaded")
