"""The server that is loaded, and who asks it."""

import json
import os
import resource
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from backend.operators import OperatorError
from tests.benchmarks.measuring import tree
from tests.benchmarks.servers import OURS, SERVE, Server, started
from tests.benchmarks.stage import Stage
from tests.load.openloop import message
from tests.people import PASSWORD, new_email

ITEMS = "/v1/items?limit=20"


@contextmanager
def serving(stage: Stage, workers: int = 1) -> Iterator[Server]:
    """A server with so many workers, on the database of the stage. Raises OperatorError."""
    allow_files()
    command = [*SERVE[:-3], str(workers), *SERVE[-2:]]
    with started(OURS, command, stage.folder, stage.ours, stage.our_tokens) as server:
        yield server


def port_of(server: Server) -> int:
    return urlsplit(server.url).port or 0


def allow_files() -> None:
    """Connections are files, and a shell often allows no more than 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pages(stage: Stage) -> list[bytes]:
    """A request for a page of items from each caller."""
    return [message("GET", ITEMS, token) for token in stage.our_tokens()]


def log_ins(server: Server, number: int) -> Sequence[bytes]:
    """Log-ins of so many accounts, which sign up first. Raises OperatorError."""
    with httpx.Client(base_url=server.url, timeout=30) as client, ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda _: _log_in(client), range(number)))


def _log_in(client: httpx.Client) -> bytes:
    credentials = {"email": new_email("storm"), "password": PASSWORD}
    answer = client.post("/v1/users", json=credentials)
    if answer.status_code != 201:
        raise OperatorError(f"a sign-up was answered {answer.status_code}: {answer.text}")
    return message("POST", "/v1/login", body=json.dumps(credentials).encode())


def last_core() -> int | None:
    """Where the load stays, as wrk does, to take turns with a server as little as can be; None with just one."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[-1] if len(cores) > 1 else None


@contextmanager
def apart(*roots: int) -> Iterator[None]:
    """Meanwhile these processes and all below them leave `last_core` to the load.

    An open loop has to be on time. On a core that it shares its latency is that of the scheduler: a worker that is busy
    there keeps it waiting, and is kept waiting by it, while another core has nothing to do.
    """
    everywhere, core = os.sched_getaffinity(0), last_core()
    _keep(roots, everywhere - {core} if core is not None else everywhere)
    try:
        yield
    finally:
        _keep(roots, everywhere)


def _keep(roots: Iterable[int], cores: set[int]) -> None:
    """What a thread starts later stays where it is."""
    for pid in [pid for root in roots for pid in tree(root)]:
        with suppress(OSError):  # It has ended.
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)
