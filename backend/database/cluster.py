"""One PostgreSQL cluster on this machine: where it lies, its creation, start and stop."""

import os
import pwd
import random
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from backend.database.binaries import Binaries
from backend.operators import OperatorError

# The first that root can write to and `nobody` can reach; the second is for machines whose /var is read-only.
ROOTS_CLUSTERS: Final = (Path("/var/lib/lodestar"), Path(tempfile.gettempdir()))
START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10
_POLL_SECONDS: Final = 0.05
# Below what Linux and macOS give to outgoing connections, so that a cluster finds its own port free again.
_PORTS: Final = range(20_000, 32_000)
# Somebody was faster to the port; the children of a killed postmaster still hold its shared memory; a start
# whose own parent was killed is still under way.
_TRY_AGAIN: Final = ("Address already in use", "is still in use", "already exists", "is empty")
# The lines of postmaster.pid that are read here (src/include/utils/pidfile.h), counted from 0.
_PID_LINE, _PORT_LINE, _STATUS_LINE = 0, 3, 7


class Cluster:
    """The cluster in the folder `home`, which is ours alone: `data/`, the server's `log`, binaries."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "data"
        self.log = home / "log"
        self.binaries = Binaries(home)

    @staticmethod
    def new_home(data_dir: Path) -> Path:
        """An empty folder for a cluster: in `data_dir`, or as root where `nobody` can reach it."""
        if os.geteuid() != 0:
            home = data_dir / "postgres"
            home.mkdir(mode=0o700)
            return home
        home = Path(tempfile.mkdtemp(prefix=f"{data_dir.parent.name}-", dir=_reachable_folder()))
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        return home

    def create(self, superuser_password: str) -> None:
        """initdb, whole or not at all: what an interrupted one leaves has another name."""
        for abandoned in self.home.glob("new-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix="new-", dir=self.home))
        password = draft / "password"
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(superuser_password)
        self.binaries.give(draft, password)
        access = ("--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}")
        locale = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        done = self.binaries.run("initdb", f"--pgdata={draft / 'data'}", *access, *locale)
        if done.returncode:
            raise OperatorError(f"initdb failed: {_reason(done.stderr)}")
        (draft / "data").rename(self.data)
        shutil.rmtree(draft, ignore_errors=True)

    def start(self, port: int | None, options: Mapping[str, str]) -> int:
        """The port of the running server, which is started when there is none: on `port` if that is free."""
        until = time.monotonic() + START_SECONDS
        while (running := self._running_port()) is None:
            port = port if port and _is_free(port) else _free_port()
            done = self._start_on(port, options)
            said = self._logged() or done.stderr
            passing = any(mark in said for mark in _TRY_AGAIN)
            if done.returncode and (not passing or time.monotonic() > until):
                raise OperatorError(f"PostgreSQL did not start: {_reason(said)} ({self.log})")
        return running

    def stop(self) -> None:
        """Ends the server and whoever is connected to it; one that hangs is ended without a checkpoint."""
        for mode in ("fast", "immediate"):
            if self._control("stop", f"--mode={mode}", f"--timeout={_STOP_SECONDS}").returncode == 0:
                return

    def _start_on(self, port: int, options: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        network = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        settings = (f"-c {shlex.quote(f'{name}={value}')}" for name, value in {**options, **network}.items())
        self.log.unlink(missing_ok=True)
        return self._control("start", f"--log={self.log}", f"--options={' '.join(settings)}")

    def _control(self, action: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # pg_ctl gives the server a session of its own: Ctrl-C does not reach it, so requests finish first.
        return self.binaries.run("pg_ctl", action, "--wait", "--silent", f"--pgdata={self.data}", *arguments)

    def _running_port(self) -> int | None:
        """The port of the server that runs on this cluster, once it accepts connections, or None."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            lines = self._pid_file_lines()
            if lines is None:
                return None
            # The server fills the file line by line while it starts.
            if len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready":
                return int(lines[_PORT_LINE])
            time.sleep(_POLL_SECONDS)
        raise OperatorError(f"PostgreSQL neither accepts connections nor ends: see {self.log}")

    def _pid_file_lines(self) -> list[str] | None:
        file = self.data / "postmaster.pid"
        try:
            lines = file.read_text().splitlines()
        except FileNotFoundError:
            return None
        pid = int(lines[_PID_LINE]) if lines and lines[_PID_LINE].isdigit() else 0
        if pid and self._is_postmaster(pid):
            return lines
        # After a crash another process may have the number, and PostgreSQL would take that for a postmaster.
        # With a number that nobody has, the file stays: it leads to the memory of surviving children.
        if _exists(pid) if pid else _is_old(file):
            file.unlink(missing_ok=True)
        return None

    def _is_postmaster(self, pid: int) -> bool:
        """A postmaster works in its data folder; a dead process that nobody has waited for works nowhere."""
        if Path("/proc/self/cwd").exists():
            try:
                return Path(f"/proc/{pid}/cwd").samefile(self.data)
            except OSError:
                return False
        command = ("/bin/ps", "-ww", "-o", "args=", "-p", str(pid))
        listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # A number.
        return "postgres" in listed.stdout

    def _logged(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def _reachable_folder() -> Path:
    for folder in ROOTS_CLUSTERS:
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError:
            continue
        reachable = all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))
        if reachable and os.access(folder, os.W_OK):
            return folder
    tried = " nor ".join(map(str, ROOTS_CLUSTERS))
    raise OperatorError(f"Root can write PostgreSQL's data where `nobody` reaches it neither in {tried}.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    for port in random.sample(_PORTS, 200):
        if _is_free(port):
            return port
    raise OperatorError(f"No port between {_PORTS.start} and {_PORTS.stop} is free for PostgreSQL.")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_old(file: Path) -> bool:
    return time.time() - file.stat().st_mtime > START_SECONDS


def _reason(text: str) -> str:
    """The line that says why: PostgreSQL's last FATAL one, or else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    return (fatal or lines or ["no reason given"])[-1]
