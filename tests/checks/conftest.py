"""The database as `backend check` looks at it."""

from collections.abc import Iterator

import pytest

from backend.checks.database import Database, opened
from backend.checks.lookups import Catalogue
from backend.settings import Settings


@pytest.fixture(scope="module")
def checked(settings: Settings) -> Iterator[Database]:
    with opened(settings) as database:
        yield database


@pytest.fixture(scope="module")
def catalogue(checked: Database) -> Catalogue:
    return Catalogue(checked)
