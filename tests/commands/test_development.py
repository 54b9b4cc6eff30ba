"""Commands without DATABASE_URL, which bring up the embedded PostgreSQL for themselves, and at a terminal."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from backend.database.embedded import Embedded
from backend.database.migrate import files
from tests.commands.typed import done, refused, typed
from tests.people import PASSWORD
from tests.process.running import environment, listens, postgres_port, python

EMAIL = "ada@example.com"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("development") / "data"
    yield folder
    Embedded.start(folder).erase()


@pytest.fixture
def here(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DATA_DIR and nothing else, as in a fresh clone."""
    monkeypatch.chdir(data_dir.parent)
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    return data_dir


def at_terminal(data_dir: Path, *words: str, answers: tuple[str, ...] = ()) -> tuple[int, str]:
    """Runs `backend` at a terminal of its own, where each answer is typed after a prompt; what it showed."""
    keyboard, screen = os.openpty()
    command = [sys.executable, "-m", "backend", *words]
    open_process = partial(subprocess.Popen[bytes], stdin=screen, stdout=screen, stderr=screen, start_new_session=True)
    shown, answered = b"", 0
    with open_process(command, cwd=data_dir.parent, env=environment(data_dir)) as run:
        os.close(screen)
        while chunk := _read(keyboard):
            shown += chunk
            if answered < len(answers) and shown.count(b": ") > answered and shown.endswith(b": "):
                os.write(keyboard, answers[answered].encode() + b"\n")
                answered += 1
    os.close(keyboard)
    return run.returncode, shown.decode()


def _read(keyboard: int) -> bytes:
    try:
        return os.read(keyboard, 4096)
    except OSError:  # On Linux the end of a terminal whose other side is closed.
        return b""


def test_the_first_command_brings_everything_up_and_takes_it_down_again(here: Path) -> None:
    assert done("users", "create", "--admin", EMAIL).startswith(f"Created {EMAIL}, an administrator, ")
    assert not listens(postgres_port(here))
    assert done("migrate") == "There is nothing to migrate."
    assert done("prestart").startswith("PostgreSQL answers")
    assert refused("users", "demote", EMAIL).startswith(f"{EMAIL} is the last administrator")
    assert not listens(postgres_port(here))


def test_a_server_that_runs_is_used_and_left_running(here: Path) -> None:
    with Embedded.start(here) as embedded:
        assert done("sessions", "revoke", "--all") == "Ended 0 sessions."
        assert listens(embedded.port)


def test_migrate_works_in_a_fresh_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    try:
        assert typed("migrate", "--plan").out.splitlines() == [file.name for file in files()]
        assert "if the role is missing, `backend migrate` makes it" in refused("prestart")
        assert typed("migrate").out.splitlines() == [f"migrating {file.name}" for file in files()]
    finally:
        Embedded.start(tmp_path / "data").erase()


def test_check_tries_what_waits_elsewhere_and_leaves_the_database_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKERS", "1")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    everything = "SELECT (SELECT array_agg(datname ORDER BY datname) FROM pg_database WHERE NOT datistemplate), "
    everything += "(SELECT array_agg(rolname ORDER BY rolname) FROM pg_roles WHERE rolname ~ 'lodestar')"
    embedded = Embedded.start(tmp_path / "data")
    try:
        assert done("check") == "Nothing is wrong."
        assert typed("migrate", "--plan").out.splitlines() == [file.name for file in files()]
        with psycopg.connect(embedded.superuser_url) as connection:
            left = connection.execute(everything.encode()).fetchone()
        assert left == (["lodestar", "postgres"], ["lodestar_owner"])
        assert typed("migrate").status == 0
        with psycopg.connect(embedded.owner_url) as connection:
            connection.execute("DELETE FROM schema_migrations WHERE name = %s", (files()[-1].name,))
        assert done("check") == "Nothing is wrong."
        assert typed("migrate", "--plan").out.splitlines() == [files()[-1].name]
    finally:
        embedded.erase()


def test_a_process_says_one_line_and_fails_with_1(data_dir: Path) -> None:
    run = python(data_dir, "-m", "backend", "users", "promote", "nobody@example.com")
    said = "backend: there is no account with the address nobody@example.com\n"
    assert (run.returncode, run.stdout, run.stderr) == (1, "", said)


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(data_dir: Path) -> None:
    answers = (PASSWORD, "something else", PASSWORD, PASSWORD)
    status, shown = at_terminal(data_dir, "users", "create", "grace@example.com", answers=answers)
    assert status == 0
    assert shown.count("Password: ") == shown.count("The same again: ") == 2
    assert PASSWORD not in shown
    assert "Created grace@example.com with the id " in shown


def test_at_a_terminal_it_is_told_what_is_waited_for(data_dir: Path) -> None:
    status, shown = at_terminal(data_dir, "sessions", "revoke", "--all")
    assert status == 0
    assert "asking the database" in shown
    assert shown.rstrip().endswith("Ended 0 sessions.")
