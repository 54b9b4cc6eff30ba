"""When there is no connection, none in time, or one that breaks: what is answered, and that the next request works."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
from litestar import Litestar, get
from litestar.di import NamedDependency

from backend.app import at_the_edge
from backend.settings import Settings
from queries import items
from queries._fetch import Conn, execute
from tests.conftest import client_of, running
from tests.database import Connection, context_of, rows, until
from tests.people import Person
from tests.wire import Wire


@get("/test/sleep")
async def sleep(conn: NamedDependency[Conn]) -> None:
    """Longer than anybody waits."""
    await execute(conn, "SELECT pg_sleep(60)")


class Small(NamedTuple):
    """The application with one connection, along a wire."""

    app: Litestar
    client: httpx.AsyncClient
    wire: Wire

    async def backend(self) -> int:
        """The process that PostgreSQL has for the connection."""
        connection = await self.app.state.pool.getconn()
        await self.app.state.pool.putconn(connection)
        return int(connection.info.backend_pid)

    async def is_whole(self, person: Person) -> None:
        """The connection is back, and the next request works."""
        pool = self.app.state.pool
        await until(lambda: pool.get_stats()["pool_available"] == 1)
        assert (await self.client.get("/v1/users/me", headers=person)).json()["id"] == person.id
        await until(
            lambda: pool.get_stats()["pool_available"] == 1
        )  # An answer can be there before the message is over.
        assert (pool.get_stats()["pool_size"], pool.get_stats()["requests_waiting"]) == (1, 0)


type Build = Callable[..., AbstractAsyncContextManager[Small]]


@pytest.fixture
def small(settings: Settings, settings_with: Callable[..., Settings]) -> Build:
    @asynccontextmanager
    async def built(**overrides: str) -> AsyncIterator[Small]:
        assert settings.database_url
        async with Wire.to(settings.database_url) as wire:
            changed = settings_with(DATABASE_URL=wire.url, POOL_MIN_SIZE="1", POOL_MAX_SIZE="1", **overrides)
            async with running(changed) as app, client_of(app, changed) as client:
                app.register(sleep)
                await app.state.pool.wait()
                yield Small(app, client, wire)

    return built


def is_refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in answer.headers) == (status == 503)


@pytest.mark.checklist(53, 65)
async def test_an_exhausted_pool_and_a_full_queue_are_refused_with_a_time_to_come_back(
    small: Build, ada: Person
) -> None:
    async with small(POOL_MAX_WAITING="1", POOL_TIMEOUT="0.1") as here:
        pool = here.app.state.pool
        held = await pool.getconn()
        waiting = asyncio.create_task(here.client.get("/v1/users/me", headers=ada))
        await until(lambda: pool.get_stats()["requests_waiting"] == 1)
        is_refused(await here.client.get("/v1/users/me", headers=ada), 503, "overloaded")
        is_refused(await waiting, 503, "overloaded")
        await pool.putconn(held)
        await here.is_whole(ada)


@pytest.mark.checklist(53)
async def test_whoever_waits_gets_the_connection_when_it_is_free(small: Build, ada: Person, bob: Person) -> None:
    async with small() as here:
        pool = here.app.state.pool
        held = await pool.getconn()
        crowd = [asyncio.create_task(here.client.patch("/v1/users/me", json={}, headers=one)) for one in (ada, bob) * 8]
        await until(lambda: pool.get_stats()["requests_waiting"] == len(crowd))
        await pool.putconn(held)
        assert [answer.json()["id"] for answer in await asyncio.gather(*crowd)] == [ada.id, bob.id] * 8
        await here.is_whole(ada)


async def test_health_does_not_ask_the_pool(small: Build) -> None:
    async with small() as here:
        await until_ready(here)
        held = await here.app.state.pool.getconn()
        assert (await here.client.get("/health/live")).status_code == 200
        assert (await here.client.get("/health/ready")).status_code == 200
        await here.app.state.pool.putconn(held)


async def until_ready(here: Small) -> None:
    async def ready() -> bool:
        return (await here.client.get("/health/ready")).status_code == 200

    await until(ready)


@pytest.mark.checklist(53)
async def test_a_statement_that_takes_too_long_is_ended_by_postgresql(small: Build, ada: Person) -> None:
    async with small(STATEMENT_TIMEOUT="0.1") as here:
        is_refused(await here.client.get("/test/sleep", headers=ada), 504, "deadline_exceeded")
        await here.is_whole(ada)


async def test_a_request_that_takes_too_long_ends_its_statement(
    small: Build, ada: Person, superuser: Connection
) -> None:
    async with small(REQUEST_TIMEOUT="0.3") as here:
        process = await here.backend()
        is_refused(await here.client.get("/test/sleep", headers=ada), 504, "deadline_exceeded")
        assert await rows(superuser, "SELECT state FROM pg_stat_activity WHERE pid = %s", process) == [("idle",)]
        await here.is_whole(ada)


@pytest.mark.checklist(53, 76)
async def test_a_database_that_falls_silent_does_not_keep_anybody_waiting(
    small: Build, settings_with: Callable[..., Settings], ada: Person
) -> None:
    """The answer is there although the statement, which the driver tries to cancel, is not over yet."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", ada["authorization"].encode())]
    scope = {"type": "http", "method": "GET", "path": "/v1/sessions", "query_string": b"", "headers": headers}
    async with small() as here:
        served: Any = at_the_edge(here.app, settings_with(REQUEST_TIMEOUT="0.1"))
        with here.wire.silent():
            asking = asyncio.create_task(served(scope, receive, send))
            await until(lambda: len(sent) == 2)
            assert not asking.done()
        await asking
        await here.is_whole(ada)
    assert sent[0]["status"] == 504
    assert b"deadline_exceeded" in sent[1]["body"]


@pytest.mark.checklist(53)
async def test_the_time_out_of_a_statement_is_its_own(ada: Person, app: Litestar) -> None:
    """Each of a message's statements has all of it: what stands in front takes nothing away."""
    who = context_of(app, ada, timeout_ms=1000)
    await execute(Conn(app.state.pool, who), "SELECT pg_sleep(0.6); SELECT pg_sleep(0.6)")
    with pytest.raises(psycopg.errors.QueryCanceled):
        await execute(Conn(app.state.pool, context_of(app, ada, timeout_ms=50)), "SELECT pg_sleep(60)")


@pytest.mark.checklist(53)
async def test_a_transaction_that_is_left_open_is_ended_by_postgresql(
    small: Build, ada: Person, superuser: Connection
) -> None:
    async with small() as here:
        process = await here.backend()
        conn = Conn(here.app.state.pool, context_of(here.app, ada, timeout_ms=50))

        async def is_gone() -> bool:
            return not await rows(superuser, "SELECT FROM pg_stat_activity WHERE pid = %s", process)

        async def linger() -> None:
            async with conn.transaction() as transaction:
                await until(is_gone)
                await items.add(transaction, "A lens", None)

        with pytest.raises(psycopg.Error):
            await linger()
        await here.is_whole(ada)


@pytest.mark.checklist(66, 76)
async def test_a_connection_that_breaks_is_refused_and_replaced(small: Build, ada: Person) -> None:
    async with small() as here:
        here.wire.cut()
        is_refused(await here.client.get("/v1/users/me", headers=ada), 503, "database_unavailable")
        await here.is_whole(ada)


@pytest.mark.checklist(76)
async def test_a_connection_that_breaks_under_a_statement_is_refused_and_replaced(small: Build, ada: Person) -> None:
    async with small() as here:
        asked = here.wire.trips.asked
        asking = asyncio.create_task(here.client.get("/test/sleep", headers=ada))
        await until(lambda: here.wire.trips.asked > asked)
        here.wire.cut()
        is_refused(await asking, 503, "database_unavailable")
        await here.is_whole(ada)


@pytest.mark.checklist(66)
async def test_a_server_that_is_shut_down_is_unavailable_not_a_fault(
    small: Build, ada: Person, superuser: Connection
) -> None:
    async with small() as here:
        asked, process = here.wire.trips.asked, await here.backend()
        asking = asyncio.create_task(here.client.get("/test/sleep", headers=ada))
        await until(lambda: here.wire.trips.asked > asked)
        assert await rows(superuser, "SELECT pg_terminate_backend(%s)", process) == [(True,)]
        is_refused(await asking, 503, "database_unavailable")
        await here.is_whole(ada)


@pytest.mark.checklist(76)
async def test_without_a_database_nobody_is_let_in_and_the_process_lives(
    settings_with: Callable[..., Settings], ada: Person
) -> None:
    away = settings_with(DATABASE_URL="postgresql://nobody:nothing@127.0.0.1:1/nowhere", POOL_TIMEOUT="0.05")
    async with running(away) as app, client_of(app, away) as client:
        assert (await client.get("/v1/users/me", headers=ada)).status_code == 503
        login = {"email": ada.email, "password": "correct horse battery staple"}
        assert (await client.post("/v1/login", json=login)).status_code == 503
        assert (await client.get("/health/ready")).status_code == 503
        assert (await client.get("/health/live")).status_code == 200
