"""Databases that are checked: each of them migrated, and left alone."""

from collections.abc import Iterator

import pytest

from backend.checks import database
from backend.checks.database import Connection, Database
from backend.checks.nullability.lookups import Catalogue
from backend.database.embedded import Embedded
from backend.database.migrate import migrate
from tests.checks.tampered import untampered
from tests.conftest import cloned, settings_for
from tests.places import Place, new_place


@pytest.fixture(scope="module")
def place(postgres: Embedded) -> Iterator[Place]:
    with new_place(postgres) as made:
        migrate(made.settings)
        yield made


@pytest.fixture(scope="module")
def checked(place: Place) -> Iterator[Database]:
    with database.opened(place.settings) as found:
        yield found


@pytest.fixture(scope="module")
def catalogue(checked: Database) -> Catalogue:
    return Catalogue(checked)


@pytest.fixture(scope="session")
def opened(postgres: Embedded, worker_id: str) -> Iterator[tuple[Connection, Database]]:
    """A superuser who may tamper with it, and the database as it is: nobody has ever put anything into it."""
    with (
        cloned(postgres, f"tampered_{worker_id}") as name,
        untampered(settings_for(postgres, name), postgres.superuser_url) as both,
    ):
        yield both
