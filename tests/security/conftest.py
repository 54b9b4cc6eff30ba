"""Where attacks are carried out."""

from collections.abc import AsyncIterator

import psycopg
import pytest

from backend.database.embedded import Embedded
from tests.conftest import cloned, running, settings_for
from tests.security.attacks.stage import Stage


@pytest.fixture(scope="module")
async def stage(postgres: Embedded, worker_id: str) -> AsyncIterator[Stage]:
    """A database in which there is nobody yet, and an application on it."""
    with cloned(postgres, f"tests_{worker_id}_attacks") as name:
        settings = settings_for(postgres, name)
        url = postgres.superuser_url.rsplit("/", 1)[0] + f"/{name}"
        async with (
            running(settings) as app,
            await psycopg.AsyncConnection.connect(url, autocommit=True) as superuser,
        ):
            yield Stage(app, settings, superuser)
