"""Where the CPU went and how much memory was taken, from /proc (proc(5)); times are CPU seconds."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from msgspec import Struct
from msgspec.structs import astuple

from backend.operators import OperatorError
from tests.benchmarks.measuring import cpu_seconds, tree
from tests.process.running import parent

_TICKS: Final = os.sysconf("SC_CLK_TCK")
# Of the line "cpu" of /proc/stat: idle, and idle while a disk is waited for.
_IDLE: Final = slice(4, 6)
# Of /proc/PID/task/TID/stat after the name: the times of the thread, and its policy.
_TIMES: Final = slice(11, 13)
_POLICY: Final = 38
# Makes VmHWM begin anew (proc_pid_clear_refs(5)).
_RESET_PEAK: Final = "5"


class Spent(Struct, frozen=True):
    """CPU seconds of all cores by who has them: `hashing` is what threads under SCHED_IDLE have used, `serving` the
    rest of the server, `load` this process, `idle` nobody."""

    hashing: float
    serving: float
    postgres: float
    load: float
    idle: float

    @classmethod
    def until_now(cls, server: int, postgres: int) -> Self:
        """Since each began."""
        processes = tree(server)
        threads = [thread for pid in processes for thread in _hash_threads(pid)]
        hashing = sum(int(ticks) for thread in threads for ticks in thread[_TIMES]) / _TICKS
        serving = cpu_seconds(processes) - hashing
        return cls(hashing, serving, cpu_seconds(tree(postgres)), cpu_seconds([os.getpid()]), _idle_seconds())

    def since(self, before: Self) -> Self:
        return type(self)(*(now - then for now, then in zip(astuple(self), astuple(before), strict=True)))


def _idle_seconds() -> float:
    return sum(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[_IDLE])) / _TICKS


def _hash_threads(pid: int) -> list[list[str]]:
    """The fields of each, of /proc/PID/task/TID/stat after the name."""
    stats = (task.read_text().rpartition(")")[2].split() for task in Path(f"/proc/{pid}/task").glob("*/stat"))
    return [stat for stat in stats if int(stat[_POLICY]) == os.SCHED_IDLE]


def worker_and_hasher(server: int) -> list[int]:
    """The process that serves and the one that hashes for it, once it has, of a server with one worker.

    Raises OperatorError when there is not just one: where SCHED_IDLE is refused, hashes are like everything else.
    """
    found = [pid for pid in tree(server) if _hash_threads(pid)]
    if len(found) != 1:
        raise OperatorError(f"{len(found)} processes of the server hash under SCHED_IDLE, where it should be one")
    return [parent(found[0]), *found]


def forget_peak(pids: Iterable[int]) -> None:
    """From now on `peak_mib` begins at what the processes have now."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)


def peak_mib(pids: Iterable[int]) -> float:
    """The most memory that each process has had resident, together."""
    return sum(map(_peak_kib, pids)) / 1024


def _peak_kib(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if not found:
        raise OperatorError("the kernel does not tell how much memory a process has had")
    return int(found[1])
