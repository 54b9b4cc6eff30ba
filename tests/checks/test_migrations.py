"""A migration that would stop or break what is running is found before it is applied."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.checks.allowances import Skipped, allowances, covered
from backend.checks.changes import migrations
from backend.checks.findings import Finding
from backend.database.embedded import Embedded
from backend.database.migrate import FOLDER, files, migrate
from backend.operators import OperatorError
from tests.places import Place, new_place

type Find = Callable[[str], list[Finding]]

NEW = "9000_new.sql"
TABLE = """
CREATE TABLE books (
    id       uuid    PRIMARY KEY DEFAULT uuidv7(),
    owner_id uuid    NOT NULL CONSTRAINT books_owner_id_fkey REFERENCES users ON DELETE CASCADE,
    title    text    NOT NULL CONSTRAINT books_title_key UNIQUE,
    pages    integer NOT NULL CONSTRAINT books_pages_check CHECK (pages > 0)
);
CREATE INDEX books_owner_id_idx ON books (owner_id, id);
ALTER TABLE books ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY books_owner ON books TO :"runtime" USING (owner_id = (SELECT current_user_id()));
SET LOCAL ROLE :"gate";
RESET ROLE;
"""


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """What is found in a migration with this text, beside those that there are."""
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder)

    def found(text: str) -> list[Finding]:
        (folder / NEW).write_text(text)
        return [one for one in migrations.check({}, folder) if one.of == NEW]

    return found


@pytest.mark.parametrize(
    ("rule", "statement"),
    [
        ("adding-required-field", "ALTER TABLE items ADD COLUMN colour text NOT NULL;"),
        ("adding-field-with-default", "ALTER TABLE items ADD COLUMN at timestamptz DEFAULT clock_timestamp();"),
        ("require-concurrent-index-creation", "CREATE INDEX items_created_at_idx ON items (created_at);"),
        ("ban-concurrent-index-creation-in-transaction", "CREATE INDEX CONCURRENTLY i ON items (created_at);"),
        ("require-concurrent-index-deletion", "DROP INDEX items_owner_id_idx;"),
        ("renaming-column", "ALTER TABLE items RENAME COLUMN title TO name;"),
        ("renaming-table", "ALTER TABLE items RENAME TO things;"),
        ("ban-drop-column", "ALTER TABLE items DROP COLUMN description;"),
        ("ban-drop-table", "DROP TABLE items;"),
        ("changing-column-type", "ALTER TABLE items ALTER COLUMN title TYPE varchar(100);"),
        ("adding-not-nullable-field", "ALTER TABLE items ALTER COLUMN description SET NOT NULL;"),
        ("ban-drop-not-null", "ALTER TABLE items ALTER COLUMN title DROP NOT NULL;"),
        ("constraint-missing-not-valid", "ALTER TABLE items ADD CONSTRAINT c CHECK (title <> '');"),
        ("adding-foreign-key-constraint", "ALTER TABLE items ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES users;"),
        ("disallowed-unique-constraint", "ALTER TABLE items ADD CONSTRAINT u UNIQUE (title);"),
        ("ban-truncate-cascade", "TRUNCATE users CASCADE;"),
        ("transaction-nesting", "COMMIT;"),
        ("syntax-error", "ALTER TABEL items;"),
    ],
)
def test_what_is_dangerous_is_found_by_file_line_and_rule(find: Find, rule: str, statement: str) -> None:
    found = find(f'-- {NEW}: "why"\n\nGRANT SELECT ON users TO :"gate";\n\n{statement}\n')
    (one, *_) = [one for one in found if one.code == f"squawk/{rule}"]
    assert (Path(one.file).name, one.line) == (NEW, 5)
    assert "\n" not in str(one)


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        "ALTER TABLE items ADD COLUMN colour text;",
        "ALTER TABLE items ADD COLUMN copies bigint NOT NULL DEFAULT 1;",
        "ALTER TABLE items ADD CONSTRAINT c CHECK (title <> '') NOT VALID;",
        "UPDATE items SET title = title;",
    ],
)
def test_what_does_no_harm_is_not_found(find: Find, text: str) -> None:
    assert find(text) == []


def test_what_to_do_about_an_index_is_said(find: Find) -> None:
    for how in ("", "CONCURRENTLY"):
        (found,) = find(f"CREATE INDEX {how} items_created_at_idx ON items (created_at);")
        assert "CREATE INDEX IF NOT EXISTS" in found.sentence


def test_a_comment_hides_nothing(find: Find) -> None:
    for comment in ("-- squawk-ignore ban-drop-table", "-- squawk-ignore-file"):
        assert [one.code for one in find(f"{comment}\nDROP TABLE items;")] == ["squawk/ban-drop-table"]


def test_of_the_files_that_there_are_nothing_is_found_but_what_is_allowed() -> None:
    skipped: Skipped = {}
    found = list(migrations.check(skipped))
    assert skipped == {}
    assert [one for one in found if not covered(one, allowances())] == []
    assert {one.code for one in found} == {one.code for one in allowances() if one.code.startswith("squawk/")}


def test_where_squawk_is_not_installed_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    skipped: Skipped = {}
    assert list(migrations.check(skipped)) == []
    assert skipped["squawk"].startswith("squawk is not installed")


def test_a_squawk_that_fails_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "squawk"
    broken.write_text("#!/bin/sh\necho 'no such\nrule' >&2\nexit 2\n")
    broken.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(OperatorError, match=r"^squawk failed with status 2: no such rule$"):
        list(migrations.check({}))


def test_what_is_not_applied_is_one_finding(postgres: Embedded, tmp_path: Path) -> None:
    with new_place(postgres) as empty:
        (found,) = migrations.pending(empty.settings)
        names = [file.name for file in files()]
        assert str(found) == f"queries/migrations/{names[0]}:1: pending: {', '.join(names)}: run backend migrate"
        migrate(empty.settings)
        assert list(migrations.pending(empty.settings)) == []
        empty.run("UPDATE schema_migrations SET sha256 = '' WHERE name = %s", names[0])
        with pytest.raises(OperatorError, match="was edited after it was applied"):
            list(migrations.pending(empty.settings))


def test_a_migration_waits_for_a_lock_no_longer_than_requests_have_time(place: Place, tmp_path: Path) -> None:
    (tmp_path / "0001_wait.sql").write_text("DO $$ BEGIN ASSERT current_setting('lock_timeout') = '4s'; END; $$;")
    assert migrate(place.settings, folder=tmp_path) == ["0001_wait.sql"]
    assert place.settings.statement_timeout > 4
