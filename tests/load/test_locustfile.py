"""The day of API clients, short: everything in it is done and right, and what is wrong ends the run with status 1."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from backend.database.embedded import Embedded
from tests.load.limits import LIMITS
from tests.process.running import ROOT, Running

# Its import would patch the standard library of this process.
if find_spec("locust") is None:
    pytest.skip("locust is not installed: it is in the dependency group `bench`", allow_module_level=True)

USERS = 3
SECONDS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data_dir = tmp_path_factory.mktemp("load") / "data"
    try:
        with Running(data_dir, env={"RATE_LIMITS": "off", "LOG_LEVEL": "WARNING"}) as running:
            yield running.up()
            running.end()
    finally:
        Embedded.start(data_dir).erase()


def locust(port: int, *options: str) -> subprocess.CompletedProcess[str]:
    """A day of each user; the run time only keeps a fault from lasting."""
    command = f"-m locust -f tests/load/locustfile.py --headless --users {USERS} --spawn-rate 100 --days 1 --pause 0"
    limited = f"--host http://127.0.0.1:{port} --run-time {SECONDS}s"
    return subprocess.run(
        [sys.executable, *command.split(), *limited.split(), *options],
        check=False,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")},
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )


def test_a_day_has_every_chore_asks_every_route_and_ends_well(server: Running, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done = locust(server.port, "--time-limits", "off", "--html", str(report))
    assert done.returncode == 0, done.stderr
    assert "broken:" not in done.stderr
    lived = re.search(r"lived: (.*)", done.stderr)
    assert lived
    counts = [int(chore.rpartition(" ")[2]) for chore in lived[1].split(", ")]
    assert len(counts) >= 13
    assert all(count >= USERS for count in counts)
    told = report.read_text()
    assert [route for route in LIMITS if route.partition(" ")[2] not in told] == []
    assert "</html>" in told


def test_a_limit_that_is_exceeded_is_named_and_ends_in_status_1(server: Running) -> None:
    done = locust(server.port, "--time-limits", "0")
    assert done.returncode == 1
    for route in LIMITS:
        assert f"broken: {route}: p95 is " in done.stderr


def test_a_server_that_is_not_there_is_named_and_ends_in_status_1() -> None:
    done = locust(9, "--time-limits", "off")
    assert done.returncode == 1
    assert f"broken: {USERS} of {USERS} requests failed" in done.stderr
    assert re.search(rf"broken: {USERS} x POST /v1/users: .*[Cc]onnection ?refused", done.stderr)
