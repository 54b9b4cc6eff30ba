"""How many CPUs there are for us: the default number of workers, and of hashing threads in each."""

import os
import re
import sys
from pathlib import Path
from typing import Final

_V2: Final = re.compile("0::")


def available_cpus(membership: Path = Path("/proc/self/cgroup"), hierarchy: Path = Path("/sys/fs/cgroup")) -> int:
    """CPUs this process may use: its affinity, and the tightest quota of its cgroup (v2) and those above.

    A part of a CPU is rounded down, since a worker that is throttled stalls every request it holds.
    """
    if sys.version_info >= (3, 13):
        cpus = os.process_cpu_count() or 1
    else:
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cpus, *_quotas(membership, hierarchy)]))


def _quotas(membership: Path, hierarchy: Path) -> list[int]:
    folders = [hierarchy / group for group in groups(membership)]
    return [quota for folder in folders if (quota := _quota(folder / "cpu.max")) is not None]


def groups(membership: Path, hierarchy: re.Pattern[str] = _V2) -> list[Path]:
    """The cgroup of this process and those above it in the hierarchy whose line begins so; none where there is none."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        if begins := hierarchy.match(line):
            group = Path(line[begins.end() :].lstrip("/"))
            return [group, *group.parents]
    return []


def _quota(cpu_max: Path) -> int | None:
    """Whole CPUs that the file grants; None without a limit, and where it is missing as in the root group."""
    try:
        quota, period = cpu_max.read_text().split()
        return int(quota) // int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
