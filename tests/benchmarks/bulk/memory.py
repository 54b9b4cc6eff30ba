"""The memory of the worker and of PostgreSQL while something happens, seen from outside every 100 ms (proc(5))."""

import re
import time
from collections.abc import Sequence
from threading import Event, Thread
from typing import Final, Self

from msgspec import Struct

from backend.operators import OperatorError
from tests.benchmarks.measuring import tree
from tests.process.running import of_process, parent

_EVERY_SECONDS: Final = 0.1


class Sample(Struct, frozen=True):
    """MiB at a moment, seconds after the first: what the worker has resident, and all processes of PostgreSQL.

    `postgres_private` is what belongs to one of them alone (RssAnon). Of `postgres` most is the shared buffers, which
    count in each process that has touched them.
    """

    seconds: float
    worker: float
    postgres_private: float
    postgres: float


class Growth(Struct, frozen=True):
    """MiB: the most that there were, minus what there were before."""

    worker: float
    postgres_private: float
    postgres: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Self:
        before = samples[0]
        names = cls.__struct_fields__
        return cls(*(max(getattr(one, name) for one in samples) - getattr(before, name) for name in names))


def worker_of(server: int) -> int:
    """The process that the fork server has forked. Raises OperatorError when there is not just one."""
    processes = tree(server)
    servers = [pid for pid in processes if b"forkserver" in of_process(pid, "cmdline")]
    found = [pid for pid in processes if parent(pid) in servers]
    if len(found) != 1:
        raise OperatorError(f"the server has {len(found)} workers, where it should have one")
    return found[0]


class Watch:
    """As a context manager it samples from before its body until after it."""

    def __init__(self, worker: int, postgres: int) -> None:
        self._worker, self._postgres = worker, postgres
        self._over = Event()
        self._thread = Thread(target=self._run, name="memory", daemon=True)
        self._began = time.monotonic()
        self.samples: list[Sample] = []

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self.samples.append(self.sample())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.samples.append(self.sample())

    def _run(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            self.samples.append(self.sample())

    def sample(self) -> Sample:
        """The memory now. Raises OperatorError where the kernel does not tell which processes PostgreSQL has."""
        worker, _ = _mib([self._worker])
        backends = _children(self._postgres)
        if not backends:
            raise OperatorError("the kernel does not tell which processes PostgreSQL has")
        everything, private = _mib([self._postgres, *backends])
        return Sample(time.monotonic() - self._began, worker, private, everything)


def _children(pid: int) -> list[int]:
    """All of PostgreSQL's are its postmaster's; `tree` would read all of /proc, which is not for free."""
    return [int(child) for child in of_process(pid, f"task/{pid}/children").split()]


def _mib(pids: Sequence[int]) -> tuple[float, float]:
    """What these have resident, and what is their own of that; one that has ended has nothing."""
    told = b"".join(of_process(pid, "status") for pid in pids)
    sizes = [sum(map(int, re.findall(name + rb":\s+(\d+) kB", told))) / 1024 for name in (b"VmRSS", b"RssAnon")]
    return sizes[0], sizes[1]
