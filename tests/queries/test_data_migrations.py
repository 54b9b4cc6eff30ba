"""Migrations that change rows, under row security that is forced on their owner: never silently on none of them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.database.embedded import Embedded
from backend.database.migrate import migrate
from backend.operators import OperatorError
from tests.places import Place, new_place

DATA_MIGRATIONS = Path(__file__).parent / "data_migrations"
FORCED = "SELECT relforcerowsecurity FROM pg_class WHERE oid IN ('items'::regclass, 'users'::regclass)"


@pytest.fixture(scope="module")
def furnished(postgres: Embedded) -> Iterator[Place]:
    """Migrated, with an account that has an item."""
    with new_place(postgres) as made:
        migrate(made.settings)
        made.run("INSERT INTO users (email) VALUES ('ada@example.com')")
        made.run("INSERT INTO items (owner_id, title) SELECT id, 'A lens' FROM users")
        yield made


@pytest.mark.parametrize(
    ("name", "worked"),
    [
        ("0100_titles_in_capitals.sql", "SELECT title = 'A LENS' FROM items"),
        ("0101_items_of_users.sql", "SELECT convalidated FROM pg_constraint WHERE conname = 'items_owner_again_fkey'"),
    ],
)
def test_a_data_migration_works_between_no_force_and_force_and_raises_without(
    furnished: Place, tmp_path: Path, name: str, worked: str
) -> None:
    text = (DATA_MIGRATIONS / name).read_text()
    (tmp_path / name).write_text(re.sub(r"(?m)^.* FORCE ROW LEVEL SECURITY;$", "", text))
    with pytest.raises(OperatorError, match=f'^{name} .* row-level security policy for table "items".*NO FORCE'):
        migrate(furnished.settings, folder=tmp_path)
    (tmp_path / name).write_text(text)
    assert migrate(furnished.settings, folder=tmp_path) == [name]
    assert furnished.run(worked) == [(True,)]
    assert furnished.run(FORCED) == [(True,), (True,)]


def test_what_migrate_guards_against_is_really_silent(furnished: Place) -> None:
    """As the owner, without `row_security = off`: no row is changed, and a dangling row satisfies a foreign key."""
    assert furnished.run("UPDATE items SET title = 'Changed' RETURNING id", role=furnished.owner) == []
    furnished.run("CREATE TABLE notes (owner_id uuid)", role=furnished.owner)
    furnished.run("INSERT INTO notes VALUES (uuidv7())")
    furnished.run("ALTER TABLE notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", role=furnished.owner)
    key = "ALTER TABLE notes ADD CONSTRAINT notes_fkey FOREIGN KEY (owner_id) REFERENCES users"
    furnished.run(key, role=furnished.owner)
    assert furnished.run("SELECT convalidated FROM pg_constraint WHERE conname = 'notes_fkey'") == [(True,)]


def test_a_dangling_row_is_found_between_no_force_and_force(furnished: Place, tmp_path: Path) -> None:
    furnished.run("CREATE TABLE drafts (owner_id uuid)", role=furnished.owner)
    furnished.run("INSERT INTO drafts VALUES (uuidv7())")
    furnished.run("ALTER TABLE drafts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", role=furnished.owner)
    text = (DATA_MIGRATIONS / "0101_items_of_users.sql").read_text()
    (tmp_path / "0102_drafts_of_users.sql").write_text(text.replace("items", "drafts"))
    with pytest.raises(OperatorError, match=r'^0102_.* violates foreign key constraint "drafts_owner_again_fkey"'):
        migrate(furnished.settings, folder=tmp_path)
    assert furnished.run(FORCED) == [(True,), (True,)]
