"""How much memory the control group leaves to us: what is configured must fit into it."""

import re
from pathlib import Path
from typing import Final

from backend.configuration.cpus import groups

# Without a limit, v1 says the largest number of pages there is.
_UNLIMITED: Final = 2**60
_V1: Final = re.compile(r"\d+:(?:[^:]*,)?memory(?:,[^:]*)?:")


def available_memory(
    membership: Path = Path("/proc/self/cgroup"), hierarchy: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """Bytes: the tightest limit of the cgroup, be it v2 or v1, and of those above it; None without any."""
    files = [hierarchy / group / "memory.max" for group in groups(membership)]
    files += [hierarchy / "memory" / group / "memory.limit_in_bytes" for group in groups(membership, _V1)]
    return min((limit for file in files if (limit := _limit(file)) is not None), default=None)


def _limit(file: Path) -> int | None:
    """None for "max", and where the file is missing as in the root group."""
    try:
        limit = int(file.read_text())
    except (OSError, ValueError):
        return None
    return limit if limit < _UNLIMITED else None
