"""The memory of a worker and of the process that hashes for it: fresh, under load, and while passwords are hashed."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from msgspec import Struct

from tests.benchmarks.loading import wrk
from tests.benchmarks.measuring import tree
from tests.people import PASSWORD, new_email
from tests.process.running import Running, of_process, until

_QUIET: Final = {"RATE_LIMITS": "off", "LOG_LEVEL": "WARNING", "DOCS": "off"}
_CONNECTIONS: Final = 32
_HASHES: Final = (1, 2, 4)
_ITEMS: Final = 20

type Credentials = dict[str, str]


class Weight(Struct, frozen=True):
    """MiB of processes: resident now and at most, and their share when what several have is divided among them."""

    rss: float
    peak: float
    pss: float


@contextmanager
def serving(data_dir: Path, **env: str) -> Iterator[Running]:
    """A server with one worker that has just been started, on a port that is known already."""
    with socket.create_server(("127.0.0.1", 0)) as claim:
        port = claim.getsockname()[1]
    with Running(data_dir, "-m", "backend", "serve", "--port", str(port), env=_QUIET | env) as server:
        server.port = port
        yield server
        server.end()


def weighed(data_dir: Path, url: str, seconds: int) -> Iterator[tuple[str, Weight]]:
    """What a worker weighs by what it has done, each time for so many seconds. Raises OperatorError without wrk."""
    with _fresh(data_dir, url) as (_, client):
        reader, member = _with_items(client), _sign_up(client)
        token = _token(client, reader)
    with _fresh(data_dir, url) as (server, client):
        yield "idle", _weight(server)
        _ask_for_items(client, token, seconds)
        yield "under load", _weight(server)
    for hashes in _HASHES:
        with _fresh(data_dir, url, HASH_WORKERS=str(hashes)) as (server, client):
            _ask_for_items(client, token, seconds)
            _log_in(client, member, seconds, hashes)
            yield f"and with {hashes} hashes at a time", _weight(server)


@contextmanager
def _fresh(data_dir: Path, url: str, **env: str) -> Iterator[tuple[Running, httpx.Client]]:
    with serving(data_dir, DATABASE_URL=url, **env) as server:
        until(lambda: server.status("/health/ready") == 200)
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
            yield server, client


def _weight(server: Running) -> Weight:
    (worker,) = server.workers()
    return Weight(*map(sum, zip(*map(_weight_of, tree(worker)), strict=True)))


def _weight_of(pid: int) -> tuple[float, ...]:
    told = (of_process(pid, "status") + of_process(pid, "smaps_rollup")).decode()
    sizes = dict(re.findall(r"^(VmRSS|VmHWM|Pss):\s+(\d+) kB$", told, re.MULTILINE))
    return tuple(int(sizes[name]) / 1024 for name in ("VmRSS", "VmHWM", "Pss"))


def _sign_up(client: httpx.Client) -> Credentials:
    credentials = {"email": new_email(), "password": PASSWORD}
    client.post("/v1/users", json=credentials).raise_for_status()
    return credentials


def _token(client: httpx.Client, credentials: Credentials) -> str:
    token: str = client.post("/v1/login", json=credentials).raise_for_status().json()["access_token"]
    return token


def _with_items(client: httpx.Client) -> Credentials:
    credentials = _sign_up(client)
    bearer = {"authorization": f"Bearer {_token(client, credentials)}"}
    for number in range(_ITEMS):
        item = {"title": f"item {number}", "description": "What is to be said of it."}
        client.post("/v1/items", json=item, headers=bearer).raise_for_status()
    return credentials


def _ask_for_items(client: httpx.Client, token: str, seconds: int) -> None:
    command = [wrk(), "--threads=1", f"--connections={_CONNECTIONS}", f"--duration={seconds}"]
    command += ["--header", f"Authorization: Bearer {token}", f"{client.base_url}/v1/items"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in said, said


def _log_in(client: httpx.Client, credentials: Credentials, seconds: int, at_a_time: int) -> None:
    end = time.monotonic() + seconds

    def again_and_again() -> None:
        while time.monotonic() < end:
            _token(client, credentials)

    with ThreadPoolExecutor(at_a_time) as threads:
        for one in [threads.submit(again_and_again) for _ in range(at_a_time)]:
            one.result()
