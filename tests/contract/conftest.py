"""An application that hypothesis can be let loose on: its tests are no coroutines, so the loop is turned by hand."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import NamedTuple

import psycopg
import pytest

from backend.database.embedded import Embedded
from tests.conftest import client_of, cloned, running, settings_for
from tests.contract.fuzzing import Prober
from tests.security.attacks.stage import Stage


class Probing(NamedTuple):
    runner: asyncio.Runner
    prober: Prober


@pytest.fixture(scope="module")
def probing(postgres: Embedded, worker_id: str) -> Iterator[Probing]:
    """On a database of its own, without limits on how often somebody may try."""
    with cloned(postgres, f"tests_{worker_id}_contract") as name, asyncio.Runner() as runner:
        opened = AsyncExitStack()
        settings = settings_for(postgres, name, RATE_LIMITS="off")
        url = postgres.superuser_url.rsplit("/", 1)[0] + f"/{name}"

        async def begin() -> Prober:
            app = await opened.enter_async_context(running(settings))
            connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
            stage = Stage(app, settings, await opened.enter_async_context(connection))
            return Prober(stage, await opened.enter_async_context(client_of(app, settings)))

        yield Probing(runner, runner.run(begin()))
        runner.run(opened.aclose())
