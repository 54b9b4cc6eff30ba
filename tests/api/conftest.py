"""What the tests of the API share beyond a client: one more administrator, and databases of their own."""

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar

from backend.settings import Settings
from tests.conftest import client_of
from tests.database import Connection, introduce
from tests.people import Person, join


@pytest.fixture(scope="session")
async def someone(app: Litestar, settings: Settings) -> AsyncIterator[Person]:
    """Anybody who is logged in, for tests that change nothing about him."""
    async with client_of(app, settings) as client:
        yield await join(client, "someone", full_name="Some One")


@pytest.fixture
async def other_admin(superuser: Connection, app: Litestar, settings: Settings) -> Person:
    """So that the first is not the last one."""
    return await introduce(superuser, app, settings, "other-admin", admin=True)
