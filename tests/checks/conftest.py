"""Databases that are checked: each of them migrated, and left alone."""

from collections.abc import Iterator

import pytest

from backend.checks.database import Database, opened
from backend.checks.nullability.lookups import Catalogue
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


@pytest.fixture(scope="module")
def catalogue(checked: Database) -> Catalogue:
    return Catalogue(checked)
