"""Several ways to the database."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from litestar import Litestar
from psycopg import AsyncConnection

from backend.settings import Settings
from tests.conftest import client_of, running
from tests.database import Connection, context_of, introduce
from tests.queries.sharing import Changed, Shared, sharing
from tests.wire import Wire, Wired


@pytest.fixture
async def runtime(settings: Settings) -> AsyncIterator[Connection]:
    """The login of the API, with no identity entered."""
    assert settings.database_url
    async with await AsyncConnection.connect(settings.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def shared(
    superuser: Connection, app: Litestar, settings: Settings, settings_with: Callable[..., Settings]
) -> AsyncIterator[Shared]:
    people = [context_of(app, await introduce(superuser, app, settings, name)) for name in ("ada", "bob")]
    async with sharing(settings_with, people[0], people[1]) as pool:
        yield pool


@pytest.fixture
def shared_with(
    superuser: Connection, app: Litestar, settings: Settings, settings_with: Callable[..., Settings]
) -> Changed:
    """As `shared`, with some settings changed."""

    @asynccontextmanager
    async def changed(**overrides: str) -> AsyncIterator[Shared]:
        ada, bob = [context_of(app, await introduce(superuser, app, settings, name)) for name in ("ada", "bob")]
        async with sharing(lambda **given: settings_with(**given | overrides), ada, bob) as opened:
            yield opened

    return changed


@pytest.fixture(scope="module")
async def wired(settings: Settings, settings_with: Callable[..., Settings]) -> AsyncIterator[Wired]:
    assert settings.database_url
    async with Wire.to(settings.database_url) as wire:
        along = settings_with(DATABASE_URL=wire.url, POOL_MIN_SIZE="1", POOL_MAX_SIZE="1")
        async with running(along) as app, client_of(app, along) as client:
            await app.state.pool.wait()
            yield Wired(app, client, wire)
