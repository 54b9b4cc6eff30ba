"""Runs the application under granian, and ends it in time whatever happens.

What looks elaborate answers a trap of granian 2.8: a second server on a taken port, a SIGTERM during the start,
a body that never ends, a killed worker, an application that cannot start. `backend.worker` is the other end.
"""

import multiprocessing
import resource
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EADDRINUSE
from functools import partial
from importlib.util import find_spec
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer, WorkerProcess

from backend import forking
from backend.operators import OperatorError
from backend.settings import Settings
from backend.worker import REFUSED, load

APPLICATION: Final = "backend.app:serve_app"
# The headers of a request, and also the idle time of a connection between two.
HEADERS: Final = HTTP1Settings(header_read_timeout=30_000, max_buffer_size=65_536)
_BACKLOG: Final = 2048
# granian counts idle connections too. Requests that are too many are refused at the edge.
_CONNECTIONS: Final = 4096
_SPARE_FILES: Final = 256
# How long a fork server that died is taken for one that lives, at the most, and how often that is tried.
_FORK_SECONDS: Final = 5.0
_FORK_PAUSE_SECONDS: Final = 0.01
# What remains of SHUTDOWN_TIMEOUT after the workers, for PostgreSQL and the interpreter.
_LAST_SECONDS: Final = 1.0
# Warnings and errors go the way of all our logs; without a handler of granian's nothing is printed twice.
_LOGGING: Final = {"incremental": True, "formatters": {}, "handlers": {}, "loggers": {"_granian": {}}}


@contextmanager
def claimed_port(host: str, port: int) -> Iterator[tuple[str, int]]:
    """The numeric address and the port to serve on, once it is sure that nobody else listens there.

    granian binds with SO_REUSEPORT: a second server would start without an error and share the traffic.
    Port 0 becomes a free one. Raises OperatorError.
    """
    try:
        family, _, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise OperatorError(f"HOST {host} is no address: {error.strerror}.") from None
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(target)
        except OSError as error:
            raise OperatorError(_refusal(host, port, error)) from None
        address, number = probe.getsockname()[:2]
    with _reservation(family, (address, number, *target[2:])):
        yield address, number


@contextmanager
def _reservation(family: int, target: tuple[Any, ...]) -> Iterator[None]:
    """Makes the probe of a second `serve` fail already now, although the workers listen only later.

    The socket never listens, so it gets no connection. Except on Linux granian's parent listens itself.
    """
    with socket.socket(family) as claim:
        if sys.platform == "linux":
            claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Fails while connections of another program fade out in TIME_WAIT, which granian does not mind.
            with suppress(OSError):
                claim.bind(target)
        yield


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == EADDRINUSE:
        return f"Port {port} on {host} is taken: stop the other server, or choose another with --port."
    return f"Nothing can listen on port {port} of {host}: {error.strerror}."


class _Forked(ForkServerProcess):
    """A fork of the fork server, or of the next one: a server that has just died may not look like it yet."""

    def start(self) -> None:
        until = monotonic() + _FORK_SECONDS
        while True:
            try:
                super().start()
            except (ConnectionError, EOFError):
                if monotonic() > until:
                    raise
                sleep(_FORK_PAUSE_SECONDS)
            else:
                return


class Server(MPServer):
    """granian, except that an application which cannot start ends it for good, and Ctrl-C is no failure.

    Workers are forks of the fork server, unless `reload` wants them to import everything anew.
    """

    def _spawn_worker(self, *args: Any, **kwargs: Any) -> WorkerProcess:
        worker = super()._spawn_worker(*args, **kwargs)
        if forking.AVAILABLE and not self.reload_on_changes:
            # granian knows fork and spawn alone, and has not started the process yet.
            process: Any = worker.inner
            worker.inner = _Forked(name=process.name, target=process._target, args=process._args)
        return worker

    def _respawn_workers(self, workers: list[int], *args: Any, **kwargs: Any) -> None:
        if any(self.wrks[index].inner.exitcode == REFUSED for index in workers):
            self.shutdown(1)  # type: ignore[no-untyped-call]  # granian's; it ends in SystemExit.
        super()._respawn_workers(workers, *args, **kwargs)

    def take_hang_up(self, before: Any) -> None:
        """A hang-up ends the server, where granian would take it for a wish to reload; nohup stays nohup."""
        ignored = before is signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else self.signal_handler_interrupt)

    def forgive_interrupted_workers(self) -> None:
        """Ctrl-C reaches the workers directly, and granian would report their end as a failure."""
        if self.interrupt_signal:
            self.interrupt_children.clear()


def run(settings: Settings, address: str, port: int, *, reload: bool = False, target: str = APPLICATION) -> None:
    """Serves until SIGTERM, SIGINT or SIGHUP; SystemExit with 1 when the application cannot start.

    `target` is "module:factory"; the factory takes the settings, and is all that a worker knows of them.
    """
    watched = _watched_folders() if reload else None
    if forking.AVAILABLE and not reload:
        forking.start()
    # fork would hand the workers this process's signal handlers, which swallow a SIGTERM during their start.
    multiprocessing.set_start_method("spawn", force=True)
    server = Server(
        target,
        address,
        port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=settings.workers,
        websockets=False,
        # With HTTP/2 as well, a connection that sends nothing at all stays open for ever.
        http=HTTPModes.http1,
        http1_settings=HEADERS,
        backlog=_BACKLOG,
        backpressure=_affordable_connections(),
        log_level=LogLevels.warning,
        log_dictconfig=_LOGGING,
        respawn_failed_workers=True,
        workers_kill_timeout=_kill_seconds(settings),  # type: ignore[arg-type]  # join() takes fractions.
        reload=reload,
        reload_paths=watched,
        # A module with a mistake in it waits for its correction.
        reload_ignore_worker_failure=True,
    )
    server.on_startup(partial(server.take_hang_up, signal.getsignal(signal.SIGHUP)))
    server.on_shutdown(server.forgive_interrupted_workers)
    server.serve(target_loader=partial(load, settings))


def _kill_seconds(settings: Settings) -> float:
    """How long a worker may go on with its requests: a body that never ends would keep it for ever."""
    timeout = settings.shutdown_timeout
    return settings.drain_seconds + max(timeout - _LAST_SECONDS, timeout / 2)


def _affordable_connections() -> int:
    """The connections of one worker, after allowing it and this process all the files that takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _SPARE_FILES
    files = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(files - _SPARE_FILES, _SPARE_FILES)


def _watched_folders() -> Sequence[Path]:
    if find_spec("watchfiles") is None:
        raise OperatorError("--reload needs the package watchfiles: run `uv sync`, which installs it.")
    packages = filter(None, map(find_spec, ("backend", "queries")))
    return [Path(package.origin).parent for package in packages if package.origin]
