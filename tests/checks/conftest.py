"""Databases that are checked: one that is migrated, and left alone."""

from collections.abc import Iterator

import pytest

from backend.checks.database import Database, opened
from backend.database.embedded import Embedded
from backend.database.migrate import migrate
from tests.places import Place, new_place


@pytest.fixture(scope="module")
def place(postgres: Embedded) -> Iterator[Place]:
    with new_place(postgres) as made:
        migrate(made.settings)
        yield made


@pytest.fixture(scope="module")
def checked(place: Place) -> Iterator[Database]:
    with opened(place.settings) as database:
        yield database
