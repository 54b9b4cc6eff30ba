"""How `backend serve` gets its workers: what is imported when, and what becomes of forks and their server."""

import os
import signal
from pathlib import Path

import pytest

from tests.process.running import Running, of_process, parent, python, until

pytestmark = pytest.mark.xdist_group("process")

# What each of these brings along is more than the command that imports it.
HEAVY = {"litestar", "psycopg", "granian", "uvloop", "structlog", "environs", "cryptography", "argon2"}
# What tests, the command line and the reading of settings need, and what is only for some.
NEEDLESS = {
    *("faker", "polyfactory", "httpx", "pydantic", "attrs", "jinja2", "sqlalchemy", "locust", "pytest", "rich"),
    *("click", "rich_click", "environs", "marshmallow", "backend.cli", "backend.prestart", "backend.database.embedded"),
    *("backend.documentation.document", "litestar.cli", "litestar.testing"),
}


def imported(data_dir: Path, modules: str, more: str = "") -> set[str]:
    """What is imported after these modules; `more` are statements that have to hold then."""
    code = f"import sys; before = set(sys.modules); import {modules}; print(*set(sys.modules) - before); {more}"
    done = python(data_dir, "-c", code)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["backend.cli", "backend.forking"])
def test_a_command_and_the_fork_server_start_before_anything_heavy_is_imported(data_dir: Path, module: str) -> None:
    assert not imported(data_dir, module) & HEAVY


def test_a_worker_imports_nothing_that_it_does_not_need(data_dir: Path) -> None:
    names = imported(data_dir, "backend.preloaded")
    assert {"backend.app", "granian.server.mp", "uvloop"} <= names
    assert not names & NEEDLESS


def test_what_is_left_out_in_advance_can_be_imported_by_a_worker(data_dir: Path) -> None:
    imported(data_dir, "backend.preloaded", "import rich.console")


def test_what_is_preloaded_can_be_forked(data_dir: Path) -> None:
    threads = "import os; assert len(os.listdir('/proc/self/task')) == 1"
    # Besides the standard ones that by which they are listed.
    files = "assert len(os.listdir('/proc/self/fd')) == 4"
    imported(data_dir, "backend.preloaded", f"{threads}; {files}")


def test_what_cannot_be_imported_in_advance_does_not_end_the_fork_server(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text("raise RuntimeError('a fault of its own')")
    assert "backend.app" in imported(data_dir, f"sys; sys.path.insert(0, {str(tmp_path)!r}); import backend.preloaded")


def test_the_collector_is_off_until_the_application_is_made_and_leaves_it_alone_then(data_dir: Path) -> None:
    code = "import backend.preloaded, gc; from backend.settings import Settings; from backend.worker import load; "
    code += "assert not gc.isenabled(); load(Settings.read(), 'tests.process.applications:answering'); "
    done = python(data_dir, "-c", code + "print(gc.isenabled(), gc.get_freeze_count() > 100_000)")
    assert done.stdout == "True True\n", done.stderr


def test_workers_are_forks_of_a_server_that_outlives_what_ends_them(server: Running) -> None:
    (killed,) = server.workers()
    forks = parent(killed)
    assert parent(forks) == server.process.pid
    os.kill(killed, signal.SIGKILL)
    (following,) = until(lambda: set(server.workers()) - {killed})
    assert parent(following) == forks
    until(lambda: server.status("/health/ready") == 200)


def test_without_its_fork_server_a_worker_ends_and_both_are_replaced(data_dir: Path) -> None:
    with Running(data_dir) as running:
        (before,) = running.up().workers()
        os.kill(parent(before), signal.SIGKILL)
        until(lambda: before not in running.members() and running.workers())
        until(lambda: running.status("/health/ready") == 200)
        assert running.end() == 0


def test_a_sigterm_for_all_processes_lets_requests_finish(data_dir: Path) -> None:
    """As systemd sends it: the fork server, which would die of it, has to outlive the workers."""
    with Running(data_dir) as running:
        running.up()
        head = "POST /v1/users HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 2\n\n"
        with running.connect(head + "{") as unfinished:
            until(lambda: running.status("/health/live") == 200)
            os.killpg(running.process.pid, signal.SIGTERM)
            until(lambda: running.status("/health/live") == 0)
            unfinished.sendall(b"}")
            assert unfinished.recv(100).startswith(b"HTTP/1.1 422")
            assert running.ended() == 0


def test_a_signal_that_comes_while_a_worker_is_forked_is_kept_for_it(data_dir: Path) -> None:
    held = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); os.kill(os.getpid(), signal.SIGTERM)"
    code = f"import os, signal; from backend import forking; {held}; print('alive', flush=True); forking.take_signals()"
    done = python(data_dir, "-c", code)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "alive\n")


def test_the_fork_server_ends_with_a_command_that_is_refused(data_dir: Path) -> None:
    with Running(data_dir, "-m", "backend", "serve", "--port", "70000") as refused:
        assert refused.ended() == 2
        assert of_process(refused.process.pid, "cmdline") == b""
