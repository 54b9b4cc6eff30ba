"""Databases for commands, and an environment that names one and nothing else."""

from collections.abc import Callable, Iterator

import pytest

from backend.database.embedded import Embedded
from backend.database.migrate import migrate
from tests.places import Place, new_place

type Configure = Callable[[Place], Place]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Configure:
    """Points the commands at a place, from a folder without a .env."""

    def at(place: Place) -> Place:
        monkeypatch.chdir(tmp_path_factory.mktemp("nowhere"))
        for name, value in place.environment.items():
            monkeypatch.setenv(name, value)
        return place

    return at


@pytest.fixture(scope="module")
def migrated(postgres: Embedded) -> Iterator[Place]:
    with new_place(postgres) as made:
        migrate(made.settings)
        yield made


@pytest.fixture
def place(migrated: Place, configure: Configure) -> Place:
    """Migrated, and shared by the tests of a module."""
    return configure(migrated)


@pytest.fixture
def empty(postgres: Embedded, configure: Configure) -> Iterator[Place]:
    """A database with nothing in it."""
    with new_place(postgres) as made:
        yield configure(made)
