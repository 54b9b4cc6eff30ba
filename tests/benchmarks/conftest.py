"""The application twice: along a wire that counts, and straight to PostgreSQL, where its CPU is measured."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import NamedTuple

import psycopg
import pytest
import uvloop
from litestar.types import ASGIApp

from backend.app import at_the_edge
from backend.database.embedded import Embedded
from backend.settings import Settings
from tests.benchmarks.answering import CountingWire
from tests.benchmarks.callers import Caller, call_in
from tests.conftest import running
from tests.database import rows

# As it is served under load: no line for each request, and addresses as they are.
SERVED = {"LOG_LEVEL": "WARNING", "TRUSTED_PROXIES": "0"}
CALLERS = 16
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

type SettingsWith = Callable[..., Settings]


class Counted(NamedTuple):
    """The application with a single connection, which runs along a wire."""

    app: ASGIApp
    wire: CountingWire


class Straight(NamedTuple):
    """The application as it is served; `backends` are the processes of PostgreSQL that may answer it."""

    app: ASGIApp
    callers: Sequence[Caller]
    backends: Sequence[int]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """The loop of granian's workers; the one of the other tests is the standard library's, which costs more."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as opened:
        yield opened


@contextmanager
def entered[T](runner: asyncio.Runner, context: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """The context, on the loop of the runner."""

    async def enter() -> T:
        return await context.__aenter__()

    async def leave() -> None:
        await context.__aexit__(None, None, None)

    value = runner.run(enter())
    try:
        yield value
    finally:
        runner.run(leave())


@pytest.fixture(scope="module")
def counted(runner: asyncio.Runner, settings_with: SettingsWith) -> Iterator[Counted]:
    with entered(runner, _along_a_wire(settings_with)) as application:
        yield application


@asynccontextmanager
async def _along_a_wire(settings_with: SettingsWith) -> AsyncIterator[Counted]:
    url = settings_with().database_url
    assert url
    async with CountingWire.to(url) as wire:
        along = settings_with(**SERVED, DATABASE_URL=wire.url, POOL_MIN_SIZE="1", POOL_MAX_SIZE="1")
        async with running(along) as app:
            await app.state.pool.wait()
            yield Counted(at_the_edge(app, along), wire)


@pytest.fixture(scope="module")
def straight(
    runner: asyncio.Runner, settings_with: SettingsWith, postgres: Embedded, database: str
) -> Iterator[Straight]:
    url = postgres.superuser_url.rpartition("/")[0] + f"/{database}"
    # All connections from the start: each is a process of PostgreSQL, whose time is taken.
    full = settings_with(**SERVED, POOL_MIN_SIZE="8", POOL_MAX_SIZE="8")
    with entered(runner, _straight(full, url)) as application:
        yield application


@asynccontextmanager
async def _straight(settings: Settings, superuser_url: str) -> AsyncIterator[Straight]:
    async with running(settings) as app:
        await app.state.pool.wait()
        async with await psycopg.AsyncConnection.connect(superuser_url, autocommit=True) as superuser:
            callers = [await call_in(superuser, app, settings) for _ in range(CALLERS)]
            backends = [pid for (pid,) in await rows(superuser, BACKENDS)]
        yield Straight(at_the_edge(app, settings), callers, backends)
