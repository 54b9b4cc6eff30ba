"""A DATA_DIR for the processes of a module, and one `backend serve` for what does not end it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.database.embedded import Embedded
from tests.process.running import Running


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("process") / "data"
    yield folder
    Embedded.start(folder).erase()


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[Running]:
    with Running(data_dir) as running:
        yield running.up()
        running.end()
