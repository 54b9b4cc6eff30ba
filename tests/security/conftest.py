"""People who cost no hash: what is tested here is not how they came in."""

import pytest
from litestar import Litestar

from backend.settings import Settings
from tests.database import Connection, introduce
from tests.people import Person


@pytest.fixture
async def ada(superuser: Connection, app: Litestar, settings: Settings) -> Person:
    return await introduce(superuser, app, settings, "ada")


@pytest.fixture
async def bob(superuser: Connection, app: Litestar, settings: Settings) -> Person:
    return await introduce(superuser, app, settings, "bob")


@pytest.fixture
async def admin(superuser: Connection, app: Litestar, settings: Settings) -> Person:
    return await introduce(superuser, app, settings, "admin", admin=True)
