"""How many CPUs there are for us: the default number of workers, and of hashing threads in each."""

import os
import sys
from pathlib import Path


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
    try:
        own = next(line for line in membership.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return []
    group = Path(own.removeprefix("0::").lstrip("/"))
    return [
        quota for folder in (group, *group.parents) if (quota := _quota(hierarchy / folder / "cpu.max")) is not None
    ]


def _quota(cpu_max: Path) -> int | None:
    """Whole CPUs that the file grants; None without a limit, and where it is missing as in the root group."""
    try:
        quota, period = cpu_max.read_text().split()
        return int(quota) // int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
