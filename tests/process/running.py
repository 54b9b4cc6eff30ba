"""A `backend serve` in a process of its own, watched from outside."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVE = ("-m", "backend", "serve", "--port", "0")
_SECONDS = 30.0


def until[T](condition: Callable[[], T], seconds: float = _SECONDS) -> T:
    """What the condition answers once that is something."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return answer


def of_process(pid: int, file: str) -> bytes:
    """What /proc says of a process; nothing when it has ended, be it between two looks at it."""
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def parent(pid: int) -> int:
    """The process that started it, 0 when it has ended."""
    return int((of_process(pid, "stat").rpartition(b")")[2].split() or [b"0", b"0"])[1])


def processes() -> list[int]:
    """All there are."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def environment(data_dir: Path, **values: str) -> dict[str, str]:
    """A process's environment with nothing of the caller's configuration in it."""
    configured = re.compile(r"DATABASE_|SECRET_KEY|JWT_|POOL_|ENVIRONMENT$|HOST$|PORT$|LOG_|PYTHONDONTWRITE")
    inherited = {name: value for name, value in os.environ.items() if not configured.match(name)}
    # Without compiled modules a start takes twice as long, and the tests start many.
    path = os.pathsep.join(filter(None, (values.pop("PYTHONPATH", ""), str(ROOT), os.environ.get("PYTHONPATH"))))
    python = {"PYTHONPATH": path, "PYTHONPYCACHEPREFIX": str(ROOT / ".pytest_cache" / "compiled")}
    return inherited | python | {"DATA_DIR": str(data_dir), "WORKERS": "1", **values}


def python(data_dir: Path, *arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Runs Python to its end, in the folder of `data_dir`, where there is no .env of somebody's."""
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=data_dir.parent,
        env=environment(data_dir, **values),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )


class Running:
    """The process, in a session of its own; as a context manager it leaves nothing behind."""

    def __init__(self, data_dir: Path, *command: str, env: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *(command or SERVE)],
            cwd=data_dir.parent,
            env=environment(data_dir, **(env or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.steps: list[str] = []
        self.port = 0

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.members():
            with suppress(ProcessLookupError):  # It may end by itself first.
                os.kill(pid, signal.SIGKILL)
        self.process.communicate()

    def told(self, start: str) -> str:
        """Waits for a line that begins so; what was printed until then is in `steps`."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.steps.append(line.rstrip("\n"))
            if line.startswith(start):
                return self.steps[-1]
        raise AssertionError(f"it ended with {self.process.wait()} after {self.steps}")

    def announced(self) -> "Running":
        """Waits until it has said where it serves."""
        self.port = int(self.told("Serving on http://127.0.0.1:").rpartition(":")[2])
        return self

    def up(self) -> "Running":
        """Waits until it answers."""
        self.announced()
        until(lambda: self.process.poll() is not None or self.status("/health/ready") == 200)
        assert self.process.poll() is None, self.process.communicate()
        return self

    def live(self, seconds: float) -> None:
        """Lets a moment of its life pass, or less if it ends before."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def status(self, path: str) -> int:
        """The status of a GET, 0 when nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def connect(self, text: str = "") -> socket.socket:
        """A connection on which `text` was sent, CRLF for each line end."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=_SECONDS)
        connection.sendall(text.replace("\n", "\r\n").encode())
        return connection

    def members(self) -> list[int]:
        """The processes of its session that live: itself, its workers, Python's resource tracker."""
        found = []
        for pid in processes():
            if stat := of_process(pid, "stat"):
                state, _, _, session = stat.rpartition(b")")[2].decode().split()[:4]
                if int(session) == self.process.pid and state not in "ZX":
                    found.append(pid)
        return found

    def workers(self) -> list[int]:
        """Those that the fork server has forked, or those that were spawned, with --reload."""
        commands = {pid: of_process(pid, "cmdline") for pid in self.members()}
        servers = [pid for pid, command in commands.items() if b"forkserver" in command]
        return [pid for pid, command in commands.items() if parent(pid) in servers or b"spawn_main" in command]

    def ended(self, seconds: float = _SECONDS) -> int:
        """Waits for the end of it and of all its processes; its exit status."""
        status = self.process.wait(seconds)
        until(lambda: not self.members())
        return status

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()


def postgres_port(data_dir: Path) -> int:
    return int((data_dir / "postgres.port").read_text())


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
