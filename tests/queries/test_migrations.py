"""Migrations: each file once, whole or not at all, whatever happens meanwhile, and never silently on no rows."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from backend.database import refusals
from backend.database.embedded import Embedded
from backend.database.migrate import FOLDER, LOCK, files, migrate, plan
from backend.operators import OperatorError
from tests.places import Place, Rows, new_place
from tests.process.running import ROOT, until

HISTORY = "SELECT name, sha256 FROM schema_migrations ORDER BY name"
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname"
MIGRATE = """
import sys
from pathlib import Path
from backend.database.migrate import migrate
from backend.settings import Settings
migrate(Settings.read(), folder=Path(sys.argv[1]))
"""
WAITING = """
SELECT pid FROM pg_stat_activity
WHERE  datname = current_database() AND wait_event_type = 'Lock' AND query LIKE %s
"""


@pytest.fixture
def place(postgres: Embedded) -> Iterator[Place]:
    with new_place(postgres) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three migrations, of which the second can be held up by a lock on the table of the first."""
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE first (id int);\n")
    (tmp_path / "0002_second.sql").write_text("CREATE TABLE second (id int);\nINSERT INTO first VALUES (1);\n")
    (tmp_path / "0003_third.sql").write_text("CREATE TABLE third (id int);\n")
    return tmp_path


def tables(place: Place) -> list[str]:
    return [name for (name,) in place.run(TABLES) if name != "schema_migrations"]


def waiting(place: Place, query: str) -> Rows:
    """The backends of this database that wait for a lock in such a query."""
    return place.run(WAITING, f"%{query}%")


@contextmanager
def held(place: Place, table: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody has locked a table, until the end of the block or of his transaction."""
    with psycopg.connect(place.superuser_url) as connection:
        connection.execute(sql.SQL("LOCK TABLE {}").format(sql.Identifier(table)))
        yield connection


@pytest.fixture
def first(place: Place, folder: Path) -> None:
    """The first file alone has been applied."""
    later = [(folder / name, folder / f"later-{name}") for name in ("0002_second.sql", "0003_third.sql")]
    for path, aside in later:
        path.rename(aside)
    migrate(place.settings, folder=folder)
    for path, aside in later:
        aside.rename(path)


def test_from_nothing_each_file_is_applied_once_and_in_order(place: Place) -> None:
    said: list[str] = []
    names = [file.name for file in files()]
    assert plan(place.settings) == names
    assert migrate(place.settings, said.append) == names == sorted(path.name for path in FOLDER.iterdir())
    assert said == [f"migrating {name}" for name in names]
    assert place.run(HISTORY) == [(file.name, file.sha256) for file in files()]


def test_the_second_run_has_nothing_to_do(place: Place, folder: Path) -> None:
    assert len(migrate(place.settings, folder=folder)) == 3
    assert plan(place.settings, folder) == []
    assert migrate(place.settings, folder=folder) == []


def test_a_plan_changes_nothing(place: Place, folder: Path) -> None:
    assert plan(place.settings, folder) == ["0001_first.sql", "0002_second.sql", "0003_third.sql"]
    assert place.run(TABLES) == []
    assert place.run("SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", place.prefix) == [(place.owner,)]


def test_two_at_once_apply_each_file_once(place: Place) -> None:
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(migrate, place.settings) for _ in range(2)]
        applied = [future.result() for future in both]
    assert sorted(applied) == [[], [file.name for file in files()]]


@pytest.mark.usefixtures("first")
def test_one_that_has_to_wait_says_so(place: Place, folder: Path) -> None:
    said: list[str] = []
    with held(place, "first") as lock, ThreadPoolExecutor(2) as threads:
        one = threads.submit(migrate, place.settings, folder=folder)
        until(lambda: waiting(place, "INSERT INTO first"))
        other = threads.submit(migrate, place.settings, said.append, folder)
        until(lambda: said)
        lock.rollback()
        assert (one.result(), other.result()) == (["0002_second.sql", "0003_third.sql"], [])
    assert said == ["waiting for another migration to end"]


def test_an_edited_file_is_refused_by_name_before_anything_is_done(place: Place, folder: Path) -> None:
    migrate(place.settings, folder=folder)
    with (folder / "0002_second.sql").open("a") as file:
        file.write("-- Only a comment.\n")
    (folder / "0004_fourth.sql").write_text("CREATE TABLE fourth (id int);")
    for action in (migrate, plan):
        with pytest.raises(OperatorError, match=r"^0002_second.sql was edited after it was applied"):
            action(place.settings, folder=folder)
    assert tables(place) == ["first", "second", "third"]


def test_a_failing_file_is_undone_whole_and_named_with_its_line(place: Place, folder: Path) -> None:
    (folder / "0002_second.sql").write_text("CREATE TABLE second (id int);\n\nCREATE TABEL x ();\n")
    with pytest.raises(OperatorError, match=r"^0002_second.sql:3 failed and was rolled back: syntax error .*TABEL"):
        migrate(place.settings, folder=folder)
    assert tables(place) == ["first"]
    (folder / "0002_second.sql").write_text("CREATE TABLE second (id int);\n")
    assert migrate(place.settings, folder=folder) == ["0002_second.sql", "0003_third.sql"]


def test_a_file_that_cannot_be_noted_down_is_undone(place: Place, folder: Path) -> None:
    (folder / "0002_second.sql").write_text('CREATE TABLE second (id int);\nSET LOCAL ROLE :"gate";\n')
    with pytest.raises(
        OperatorError, match=r"^0002_second.sql failed .* permission denied for table schema_migrations"
    ):
        migrate(place.settings, folder=folder)
    assert tables(place) == ["first"]


def test_a_refusal_quotes_no_row(place: Place, folder: Path) -> None:
    text = "CREATE TABLE people (name text CHECK (name = ''));\nINSERT INTO people VALUES ('Ada Lovelace');\n"
    (folder / "0002_second.sql").write_text(text)
    with pytest.raises(OperatorError, match="people_name_check") as refusal:
        migrate(place.settings, folder=folder)
    assert "Ada" not in str(refusal.value)


@pytest.mark.parametrize("statement", ["COMMIT;", "  rollback ;", "BEGIN;"])
def test_a_file_that_would_end_its_transaction_is_refused_before_it_runs(
    place: Place, folder: Path, statement: str
) -> None:
    (folder / "0002_second.sql").write_text(f"CREATE TABLE second (id int);\n{statement}\nSELECT 1 / 0;\n")
    with pytest.raises(OperatorError, match=r"0002_second.sql has a .* each file is one transaction"):
        migrate(place.settings, folder=folder)
    assert tables(place) == ["first"]


@pytest.mark.usefixtures("first")
def test_a_connection_that_is_cut_half_way_leaves_nothing_of_the_file(place: Place, folder: Path) -> None:
    with held(place, "first"), ThreadPoolExecutor(1) as threads:
        cut = threads.submit(migrate, place.settings, folder=folder)
        ((pid,),) = until(lambda: waiting(place, "INSERT INTO first"))
        place.run("SELECT pg_terminate_backend(%s)", pid)
        with pytest.raises(OperatorError, match=r"^0002_second.sql\S* failed and was rolled back: terminating"):
            cut.result()
    assert tables(place) == ["first"]
    assert migrate(place.settings, folder=folder) == ["0002_second.sql", "0003_third.sql"]


def test_a_connection_that_is_cut_while_it_waits_is_told_in_one_line(place: Place, folder: Path) -> None:
    with psycopg.connect(place.superuser_url) as other, ThreadPoolExecutor(1) as threads:
        other.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        cut = threads.submit(migrate, place.settings, folder=folder)
        ((pid,),) = until(lambda: waiting(place, "pg_advisory_lock"))
        place.run("SELECT pg_terminate_backend(%s)", pid)
        with pytest.raises(OperatorError, match=r"^the migration stopped: terminating connection"):
            cut.result()


@pytest.mark.usefixtures("first")
def test_a_killed_process_leaves_neither_a_lock_nor_half_a_file(place: Place, folder: Path) -> None:
    with held(place, "first"):
        command = [sys.executable, "-c", MIGRATE, str(folder)]
        with subprocess.Popen(command, cwd=ROOT, env=os.environ | place.environment) as process:
            until(lambda: waiting(place, "INSERT INTO first"))
            process.kill()
        # The server notices, although it has to do with that process only when the lock is free.
        until(lambda: not waiting(place, "INSERT INTO first"))
    assert tables(place) == ["first"]
    assert migrate(place.settings, folder=folder) == ["0002_second.sql", "0003_third.sql"]


def test_variables_are_names_in_code_and_nothing_elsewhere(postgres: Embedded) -> None:
    with new_place(postgres, suffix=' it\'s-a "Test" %s \\1 :"gate" Ä\nDROP') as place:
        migrate(place.settings, folder=Path(__file__).parent / "variables")
        assert place.run("SELECT * FROM kept") == [(':"gate" isn\'t one', ':"gate" in $ a body', 1, "x")]
        readers = (
            "SELECT grantee FROM information_schema.role_table_grants WHERE table_name = 'kept' AND grantee <> grantor"
        )
        groups = [f"{place.database}_gate", f"{place.database}_runtime"]
        assert sorted(role for (role,) in place.run(readers)) == groups


def test_an_old_postgresql_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "OLDEST_POSTGRESQL", 99)
    with pytest.raises(OperatorError, match=r"^PostgreSQL 99 or newer is needed, and 18\.\d+ is running$"):
        migrate(place.settings)


def test_a_server_that_cannot_watch_its_client_is_no_obstacle(
    place: Place, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = psycopg.Connection.execute

    def on_windows(connection: Any, query: Any, *values: Any) -> Any:
        if "client_connection_check_interval" in str(query):
            raise psycopg.errors.InvalidParameterValue
        return execute(connection, query, *values)

    monkeypatch.setattr(psycopg.Connection, "execute", on_windows)
    assert len(migrate(place.settings, folder=folder)) == 3
