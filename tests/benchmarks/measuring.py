"""What the CPU did, from /proc, and what is made of the figures."""

import math
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

_TICKS: Final = os.sysconf("SC_CLK_TCK")
# Of /proc/PID/stat after the name (proc_pid_stat(5)): the parent, and the times of a process and its dead children.
_PARENT: Final = 1
_TIMES: Final = slice(11, 15)


def _fields(pid: int) -> list[str]:
    """Nothing, when it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def cpu_seconds(pids: Iterable[int]) -> float:
    """Used so far by these processes, in user and in kernel mode, together with their children that have ended."""
    return sum(sum(map(int, _fields(pid)[_TIMES])) for pid in pids) / _TICKS


def backend_seconds(pids: Iterable[int]) -> float:
    """As `cpu_seconds`, finer than its ticks, for processes of one thread; NaN where the kernel does not tell."""
    with suppress(OSError):
        return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9
    return math.nan


def tree(root: int) -> list[int]:
    """A process and all below it."""
    parents = {pid: int(fields[_PARENT]) for pid in _pids() if (fields := _fields(pid))}
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _pids() -> Iterable[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


class Ratio(NamedTuple):
    """How many times as much, pair by pair: what drifts with the machine drifts for both of a pair."""

    median: float
    least: float
    most: float


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Raises ValueError when there is not one of theirs for each of ours."""
    pairs = [one / other for one, other in zip(ours, theirs, strict=True)]
    return Ratio(median(pairs), min(pairs), max(pairs))
