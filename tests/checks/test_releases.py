"""What instances of the last release still do while the next one rolls out, on the schema of the next one."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from backend import __version__
from backend.checks.allowances import Skipped
from backend.checks.changes import releases
from backend.checks.database import Database, opened
from backend.checks.statements.reading import statements
from backend.database.embedded import Embedded
from backend.database.migrate import FOLDER, files, migrate
from backend.operators import OperatorError
from tests.places import new_place

ADD = "queries.items.ADD"


def changed(file: Path, **values: Any) -> Path:
    """The record with other values in the entry of ADD."""
    release = msgspec.json.decode(releases.STATEMENTS.read_bytes())
    release["statements"] = {ADD: release["statements"][ADD] | values}
    file.write_bytes(msgspec.json.format(msgspec.json.encode(release)))
    return file


def test_the_last_release_can_do_all_it_did(checked: Database) -> None:
    skipped: Skipped = {}
    assert list(releases.check(checked, skipped)) == []
    assert skipped == {}
    release = msgspec.json.decode(releases.STATEMENTS.read_bytes(), type=releases.Release)
    assert {"queries.claim.CLAIM", "queries.context.ENTER", "queries.context.IDLE", ADD} <= set(release.statements)
    assert {who for promise in release.statements.values() for who in promise.who} == {"runtime", "owner"}


def test_what_a_migration_takes_from_it_is_found_by_statement_and_line(postgres: Embedded) -> None:
    with new_place(postgres) as place:
        migrate(place.settings)
        place.give(
            """
            REVOKE UPDATE (title) ON items FROM {runtime};
            REVOKE EXECUTE ON FUNCTION gate.delete_user(uuid) FROM {runtime};
            REVOKE EXECUTE ON FUNCTION gate.operator_end_sessions(text) FROM {owner};
            ALTER TABLE users RENAME COLUMN full_name TO called;
            ALTER TABLE sessions ALTER COLUMN id SET DEFAULT gen_random_uuid();
            DROP FUNCTION claim;
            CREATE TABLE released_later (id uuid PRIMARY KEY)
            """,
            runtime=f"{place.database}_runtime",
            owner=place.owner,
        )
        with opened(place.settings) as database:
            found = {one.of: one for one in releases.check(database, {})}
    assert set(found) == {
        "queries.administration.REMOVE",
        "queries.claim.CLAIM",
        "queries.items.EDIT",
        "queries.operators.END_SESSIONS",
        "queries.users.EDIT_ME",
        "queries.users.FIND_ME",
    }
    one = found["queries.items.EDIT"]
    assert (one.file, one.code) == ("releases/statements.json", "rolling-deploy")
    assert releases.STATEMENTS.read_text().splitlines()[one.line - 1] == '    "queries.items.EDIT": {'
    assert one.sentence.startswith(f"queries.items.EDIT of release {__version__} can no longer be run by the runtime")
    assert "permission denied for table items" in one.sentence
    assert one.sentence.endswith("its instances would fail in a rolling deploy")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"parameters": {"title": "text"}}, "took title text and now takes title text, description text"),
        ({"parameters": {"description": "text", "title": "text"}}, "took description text, title text and now takes"),
        ({"parameters": {"title": "bigint", "description": "text"}}, "took title bigint, description text and now"),
        ({"columns": {"id": "uuid"}}, "gave id uuid and now gives id uuid, owner_id uuid, title text"),
        ({"columns": {}}, "gave nothing and now gives id uuid"),
        ({"text": ["SELECT colour FROM items"]}, 'runtime (column "colour" does not exist'),
        ({"who": ["gate"]}, "can no longer be run by the gate (permission denied for table items)"),
    ],
)
def test_other_types_and_columns_are_told(
    checked: Database, tmp_path: Path, values: dict[str, Any], reason: str
) -> None:
    (found,) = releases.check(checked, {}, changed(tmp_path / "statements.json", **values))
    assert found.of == ADD
    assert reason in found.sentence


def test_a_migration_that_was_released_stays_as_it_was(checked: Database, tmp_path: Path) -> None:
    for file in files():
        (tmp_path / file.name).write_text(file.text)
    (tmp_path / "0003_items.sql").write_text("SELECT 1;")
    (tmp_path / "0004_throttles.sql").rename(tmp_path / "0014_throttles.sql")
    found = list(releases.check(checked, {}, folder=tmp_path))
    assert [one.of for one in found] == ["0003_items.sql", "0004_throttles.sql"]
    lines = releases.STATEMENTS.read_text().splitlines()
    assert all(one.of in lines[one.line - 1] for one in found)


def test_a_record_is_what_is_checked_afterwards(
    checked: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "releases"
    monkeypatch.setattr(releases, "STATEMENTS", folder / "statements.json")
    monkeypatch.setattr(releases, "OPENAPI", folder / "openapi.json")
    releases.record(checked, b"{}\n")
    assert sorted(path.name for path in folder.iterdir()) == ["openapi.json", "statements.json"]
    assert (folder / "openapi.json").read_bytes() == b"{}\n"
    release = msgspec.json.decode((folder / "statements.json").read_bytes(), type=releases.Release)
    assert release.version == __version__
    assert set(release.migrations) == {path.name for path in FOLDER.glob("*.sql")}
    assert {one.id for one in statements()} < set(release.statements)
    assert list(releases.check(checked, {}, folder / "statements.json")) == []


def test_both_files_are_written_or_neither(checked: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(releases, "STATEMENTS", tmp_path / "statements.json")
    monkeypatch.setattr(releases, "OPENAPI", tmp_path / "file" / "openapi.json")
    with pytest.raises(OperatorError, match=r"cannot be written: "):
        releases.record(checked, b"{}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_a_record_that_is_said_and_a_damaged_one_is_refused(checked: Database, tmp_path: Path) -> None:
    file, skipped = tmp_path / "statements.json", dict[str, str]()
    assert list(releases.check(checked, skipped, file)) == []
    assert skipped["rolling-deploy"].startswith(f"there is no {file}")
    file.write_text('{"version": 1}')
    with pytest.raises(OperatorError, match=r"statements\.json cannot be read: "):
        list(releases.check(checked, {}, file))
