"""Where figures were measured: without that they say nothing."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from msgspec import Struct

from backend.configuration.cpus import available_cpus

_OURS: Final = ("litestar", "msgspec", "psycopg", "granian")


class Environment(Struct, frozen=True):
    """`date` in UTC; `versions` by the name of the package or program. It never names the machine itself."""

    date: str
    cpu: str
    cores: int
    versions: Mapping[str, str]


def environment(**more_versions: str) -> Environment:
    """This machine and the versions that are installed, today."""
    ours = {"Python": platform.python_version()} | {name: version(name) for name in _OURS}
    return Environment(datetime.now(UTC).date().isoformat(), _cpu(), available_cpus(), ours | more_versions)


def _cpu() -> str:
    """The model; where the kernel does not tell, as on ARM, at least the architecture."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
