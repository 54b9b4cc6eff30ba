"""`backend check` as it is typed: findings and operators' mistakes are one line each, and the status tells."""

from pathlib import Path

import pytest

from backend.checks import every
from backend.checks.allowances import allowances
from backend.checks.changes import contract, releases
from backend.database.migrate import files, migrate
from tests.commands.typed import done, refused, typed
from tests.places import Place


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever machine this is, it is large enough for that."""
    monkeypatch.setenv("WORKERS", "1")
    monkeypatch.setenv("HASH_WORKERS", "1")


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a release is recorded in a test."""
    folder = tmp_path / "releases"
    monkeypatch.setattr(releases, "STATEMENTS", folder / "statements.json")
    monkeypatch.setattr(releases, "OPENAPI", folder / "openapi.json")
    return folder


def test_nothing_is_wrong(place: Place) -> None:
    assert done("check") == "Nothing is wrong."


def test_findings_are_sorted_lines_and_the_status_is_1(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUEST_TIMEOUT", "7")
    monkeypatch.setenv("POOL_MAX_SIZE", "500")
    said = typed("check", "--replicas", "2")
    assert (said.status, said.error) == (1, "")
    assert said.out.splitlines() == [
        "environment:0: connections: 2 replicas x WORKERS 1 x (POOL_MAX_SIZE 500 + 1) are 1002 connections, "
        "and PostgreSQL has 197",
        "environment:0: timeouts: POOL_TIMEOUT 3 + STATEMENT_TIMEOUT 5 is longer than REQUEST_TIMEOUT 7, which ends a "
        "request before",
    ]


def test_of_a_database_that_is_not_migrated_only_that_is_told(empty: Place) -> None:
    names = [file.name for file in files()]
    line = f"queries/migrations/{names[0]}:1: pending: {', '.join(names)}: run backend migrate\n"
    assert typed("check") == (1, line, "")


def test_an_edited_migration_is_refused(empty: Place) -> None:
    migrate(empty.settings)
    empty.run("UPDATE schema_migrations SET sha256 = '' WHERE name = '0002_users.sql'")
    assert refused("check").startswith("0002_users.sql was edited after it was applied")


@pytest.mark.parametrize("name", ["DATABASE_OWNER_URL", "DATABASE_URL"])
def test_who_cannot_connect_is_named(place: Place, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    role = {"DATABASE_OWNER_URL": place.owner, "DATABASE_URL": place.login}[name]
    monkeypatch.setenv(name, place.url(role, password="wrong"))
    assert refused("check").startswith(f"cannot connect to {name}: ")


def test_without_an_owner_that_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_OWNER_URL")
    assert refused("check").startswith("DATABASE_URL and DATABASE_OWNER_URL are needed to check")


def test_a_superuser_is_no_owner(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_OWNER_URL", place.superuser_url)
    assert refused("check").startswith("the owner is a superuser")


@pytest.mark.parametrize("name", ["DATABASE_OWNER_URL", "DATABASE_URL"])
def test_where_nothing_may_be_written_nothing_is_checked(
    place: Place, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = {"DATABASE_OWNER_URL": place.owner, "DATABASE_URL": place.login}[name]
    monkeypatch.setenv(name, f"{place.url(role)}?options=-cdefault_transaction_read_only%3Don")
    assert refused("check").startswith(f"{name} leads to where nothing may be written")


def test_a_list_of_allowances_that_is_no_text_is_refused(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "allowed.toml"
    file.write_bytes(b"\xff\xfe")
    monkeypatch.setattr(every, "allowances", lambda: allowances(file))
    assert "allowed.toml cannot be read" in refused("check")


def test_replicas_are_counted_from_one(place: Place) -> None:
    assert "--replicas" in refused("check", "--replicas", "0", status=2)


def test_without_squawk_and_documents_the_rest_is_checked(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, records: Path
) -> None:
    """As in the container image."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(contract, "_CHECKOUT", tmp_path / "none")
    said = typed("check")
    assert (said.status, said.out) == (0, "Nothing is wrong.\n")
    assert [line.partition(",")[0].replace(str(records), "releases") for line in said.error.splitlines()] == [
        "squawk is not installed",
        "there is no releases/statements.json here",
        "there is no openapi.json here",
    ]


def test_a_release_is_recorded_when_nothing_is_wrong(
    place: Place, monkeypatch: pytest.MonkeyPatch, records: Path
) -> None:
    assert typed("check", "--record").out == "Nothing is wrong. What this release promises is in releases/.\n"
    assert (records / "openapi.json").read_bytes() == contract.FILE.read_bytes()
    before = {file: file.stat().st_mtime_ns for file in records.iterdir()}
    assert len(before) == 2
    monkeypatch.setenv("POOL_MAX_SIZE", "500")
    said = typed("check", "--record")
    assert (said.status, said.out.count("\n")) == (1, 1)
    assert {file: file.stat().st_mtime_ns for file in records.iterdir()} == before
