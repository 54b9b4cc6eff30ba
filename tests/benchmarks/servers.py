"""The servers that are compared, each with one worker in processes of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from backend.operators import OperatorError
from tests.process.running import ROOT, environment

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.05
_FASTAPI: Final = ROOT / "tests" / "benchmarks" / "peers" / "plain_fastapi.py"

OURS: Final = "lodestar"
SERVE: Final = (sys.executable, "-m", "backend", "serve", "--workers", "1", "--port", "{port}")
BARE: Final = (
    *(sys.executable, "-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--http", "1", "--no-ws"),
    *("--workers", "1", "--log-level", "warning", "--port", "{port}", "tests.benchmarks.peers.bare:app"),
)


def fastapi(*arguments: str) -> Sequence[str]:
    """The peer with its own packages, on the same Python. Raises OperatorError without uv."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise OperatorError("uv is not installed: it installs the packages of the FastAPI peer.")
    return (uv, "run", "--quiet", "--no-project", "--python", sys.executable, "--script", str(_FASTAPI), *arguments)


def fastapi_versions(values: Mapping[str, str]) -> dict[str, str]:
    """The versions of the peer's packages, which are installed by this. Raises OperatorError."""
    command = fastapi("--versions")
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=os.environ | values)
    if done.returncode:
        raise OperatorError(f"The FastAPI peer cannot be run: {_last_line(done.stderr)}")
    versions: dict[str, str] = json.loads(done.stdout)
    return versions


class Server(NamedTuple):
    """`tokens` are those of the hundred callers, in their order, made when they are wanted."""

    name: str
    url: str
    pid: int
    tokens: Callable[[], Sequence[str]]


@contextmanager
def started(
    name: str, command: Sequence[str], folder: Path, values: Mapping[str, str], tokens: Callable[[], Sequence[str]]
) -> Iterator[Server]:
    """A server that answers; `{port}` in the command becomes a free one. Raises OperatorError when it does not."""
    port, log = _free_port(), folder / f"{name}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [word.format(port=port) for word in command],
            cwd=folder,
            env=environment(folder / "data", **values),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}", name, log)
        yield Server(name, f"http://127.0.0.1:{port}", process.pid, tokens)
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], url: str, name: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health/live").is_success:
                return
        time.sleep(_POLL_SECONDS)
    raise OperatorError(f"{name} did not start: {_last_line(log.read_text())}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """With whatever it has started: the session is its own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
            return


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
