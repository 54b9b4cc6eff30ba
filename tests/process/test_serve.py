"""`backend serve` while it runs: what it brings up, what it refuses, what it shares and what it replaces."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from backend.database.embedded import Embedded
from tests.process.running import ROOT, SERVE, Running, listens, of_process, postgres_port, python, until

pytestmark = pytest.mark.xdist_group("process")


def test_it_brings_up_postgresql_migrates_it_and_says_so_line_by_line(server: Running, data_dir: Path) -> None:
    created, running, *migrations, serving = server.steps
    assert created.startswith("Creating a PostgreSQL cluster in ")
    assert running == f"PostgreSQL is running on 127.0.0.1:{postgres_port(data_dir)}"
    assert migrations
    assert all(line.startswith("migrating 0") for line in migrations)
    assert serving == f"Serving on http://127.0.0.1:{server.port}"


@pytest.mark.checklist(58)
def test_the_server_header_names_no_version(server: Running) -> None:
    with server.connect("GET /health/live HTTP/1.1\nHost: x\nConnection: close\n\n") as connection:
        head = connection.makefile("rb").read().lower()
    assert b"\r\nserver: granian\r\n" in head


@pytest.mark.parametrize(
    ("hosts", "status"), [("", 400), ("Host: a\n", 200), ("Host: a\nHost: a\n", 400)], ids=["none", "one", "two"]
)
def test_a_request_names_one_host(server: Running, hosts: str, status: int) -> None:
    with server.connect(f"GET /health/live HTTP/1.1\n{hosts}Connection: close\n\n") as connection:
        head = connection.makefile("rb").readline()
    assert head.startswith(b"HTTP/1.1 %d " % status)


def test_a_port_that_another_serve_has_is_refused_in_one_line(server: Running, data_dir: Path) -> None:
    refused = python(data_dir, *SERVE[:-1], str(server.port))
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        f"backend: Port {server.port} on 127.0.0.1 is taken: stop the other server, or choose another with --port.\n"
    )


def test_a_port_that_any_program_has_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        refused = python(tmp_path / "data", *SERVE[:-1], str(other.getsockname()[1]))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is taken" in refused.stderr
    assert not (tmp_path / "data" / "postgres").exists()


@pytest.mark.parametrize(
    ("host", "reason"),
    [("192.0.2.1", "Cannot assign requested address"), ("no such host", "is no address")],
)
def test_an_address_that_is_not_ours_is_refused_in_one_line(data_dir: Path, host: str, reason: str) -> None:
    refused = python(data_dir, *SERVE, "--host", host)
    assert refused.returncode == 1
    assert reason in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("given", [True, False])
def test_no_worker_knows_the_owner(server: Running, data_dir: Path, given: bool) -> None:
    with Embedded.start(data_dir) as database:
        urls = {"DATABASE_URL": database.runtime_url, "DATABASE_OWNER_URL": database.owner_url}
    password = (data_dir / "lodestar_owner.password").read_bytes()
    with Running(data_dir, env=urls if given else {}) as running:
        running.up()
        others = [pid for pid in running.members() if pid != running.process.pid]
        assert set(running.workers()) < set(others)
        for environment in (of_process(pid, "environ") for pid in others):
            assert f"DATA_DIR={data_dir}".encode() in environment
            assert b"DATABASE_OWNER_URL" not in environment
            assert password not in environment
        assert running.end() == 0


def test_database_url_prints_the_owners_url(server: Running, data_dir: Path) -> None:
    printed = python(data_dir, "-m", "backend", "database", "url")
    assert (printed.returncode, printed.stderr) == (0, "")
    with psycopg.connect(printed.stdout.strip()) as conn:
        assert conn.execute("SELECT current_user, current_database()").fetchone() == ("lodestar_owner", "lodestar")


def test_psql_takes_arguments_and_gives_its_status_and_hides_the_password(server: Running, data_dir: Path) -> None:
    psql = ("-m", "backend", "database", "psql", "-At", "-c")
    counted = python(data_dir, *psql, "SELECT count(*) FROM users")
    assert (counted.returncode, counted.stdout) == (0, "0\n")
    assert python(data_dir, *psql, "SELECT nonsense").returncode == 1
    assert python(data_dir, *psql, r"\! tr '\0' ' ' < /proc/$PPID/cmdline").stdout.count("password=") == 0


def test_a_killed_worker_is_replaced(server: Running) -> None:
    (killed,) = server.workers()
    os.kill(killed, signal.SIGKILL)
    until(lambda: server.workers() not in ([], [killed]))
    until(lambda: server.status("/health/ready") == 200)


def test_two_serves_on_one_data_dir_share_its_postgresql(server: Running, data_dir: Path) -> None:
    before = postgres_port(data_dir)
    with Running(data_dir) as other:
        assert other.up().steps[0] == f"PostgreSQL is running on 127.0.0.1:{before}"
        assert other.end() == 0
    assert listens(before)
    assert server.status("/health/ready") == 200


def test_reload_watches_the_code_and_not_the_folder_it_was_started_in(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    code, data_dir = tmp_path / "code", tmp_path / "started" / "data"
    for package in ("backend", "queries"):
        shutil.copytree(ROOT / package, code / package)
    data_dir.mkdir(parents=True, mode=0o700)
    try:
        with Running(data_dir, *SERVE, "--reload", env={"PYTHONPATH": str(code)}) as running:
            before = running.up().workers()
            # PostgreSQL writes below the folder it was started in.
            running.live(1)
            assert running.workers() == before
            (code / "queries" / "added.py").touch()
            until(lambda: running.workers() not in ([], before))
            until(lambda: running.status("/health/ready") == 200)
            assert running.end() == 0
    finally:
        Embedded.start(data_dir).erase()


def test_of_a_process_that_has_ended_nothing_is_said() -> None:
    """The helper's own: between finding a process and reading about it, it may be gone."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert of_process(ended.pid, "cmdline") == b""
