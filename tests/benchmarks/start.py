"""Measures how long `backend serve` takes to answer, and what a worker of it weighs: see `--help`."""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
import rich_click as click
from msgspec import Struct

from backend.database.embedded import Embedded
from tests.benchmarks.environment import Environment, environment
from tests.benchmarks.measuring import cpu_seconds
from tests.benchmarks.weighing import Weight, serving, weighed
from tests.process.running import Running

_POLL_SECONDS: Final = 0.005


class Start(Struct, frozen=True):
    """Seconds until each path is 200 for the first time, and of CPU that all processes have used until then."""

    live: float
    ready: float
    cpu: float


class Found(Struct, frozen=True):
    """`starts` by what there is already, `weights` by what the worker has done."""

    environment: Environment
    starts: Mapping[str, Sequence[Start]]
    weights: Mapping[str, Weight]


@contextmanager
def _data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lodestar-start-") as folder:
        data_dir = Path(folder) / "data"
        try:
            yield data_dir
        finally:
            Embedded.start(data_dir).erase()


def _start(data_dir: Path, **env: str) -> Start:
    began = time.perf_counter()
    with serving(data_dir, **env) as server:
        live, ready = (_answers(server, path) - began for path in ("/health/live", "/health/ready"))
        return Start(live, ready, cpu_seconds(server.members()))


def _answers(server: Running, path: str) -> float:
    """When it does, for the first time."""
    while server.status(path) != 200:
        assert server.process.poll() is None, server.process.communicate()
        time.sleep(_POLL_SECONDS)
    return time.perf_counter()


def _table(found: Found) -> Iterator[str]:
    yield f"{'seconds':36}{'median':>8}{'least':>8}{'most':>8}"
    for existing, starts in found.starts.items():
        for name in Start.__struct_fields__:
            values = [getattr(start, name) for start in starts]
            yield f"{f'{existing}: {name}':36}{median(values):8.3f}{min(values):8.3f}{max(values):8.3f}"
    yield f"\n{'MiB of a worker':36}{'RSS':>8}{'peak':>8}{'PSS':>8}"
    for done, weight in found.weights.items():
        yield f"{done:36}{weight.rss:8.1f}{weight.peak:8.1f}{weight.pss:8.1f}"


@click.command()
@click.option("--starts", default=10, type=click.IntRange(1), help="How often it is started in each way.")
@click.option("--seconds", default=3, type=click.IntRange(1), help="How long a load lasts.")
@click.option("--json", "figures", type=click.Path(path_type=Path), help="Write the figures to this file.")
def start(starts: int, seconds: int, figures: Path | None) -> None:
    """Measure the time from exec to the first answer, and the memory of one worker.

    The database exists and is migrated, the code is compiled. PostgreSQL runs already, or `serve` has to start it.
    """
    with _data_dir() as data_dir:
        with Embedded.start(data_dir) as postgres:
            _start(data_dir)  # Migrates, and compiles.
            url = postgres.runtime_url
            running = [_start(data_dir, DATABASE_URL=url) for _ in range(starts)]
            weights = dict(weighed(data_dir, url, seconds))
        stopped = [_start(data_dir) for _ in range(starts)]
    found = Found(environment(), {"PostgreSQL runs": running, "PostgreSQL is stopped": stopped}, weights)
    click.echo("\n".join(_table(found)))
    if figures:
        figures.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")


if __name__ == "__main__":
    sys.exit(start(prog_name="python -m tests.benchmarks.start"))
