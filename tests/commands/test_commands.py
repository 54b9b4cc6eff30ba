"""What the commands have in common, and those of a deployment: `migrate` and `prestart`."""

import sys
from collections.abc import Iterator

import psycopg
import pytest
import rich_click as click

from backend.cli import backend
from backend.database.migrate import files, migrate
from tests.commands.typed import done, refused, typed
from tests.places import Place

NAMES = [file.name for file in files()]


def commands(group: click.Group, *words: str) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*words, name)
        if isinstance(command, click.Group):
            yield from commands(command, *words, name)


@pytest.mark.parametrize("words", [(), *commands(backend)], ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    said = typed(*words, "--help")
    assert (said.status, said.error) == (0, "")
    _, _, example = " ".join(said.out.split()).partition(" Example: ")
    assert " ".join(("backend", *words)) in example


@pytest.mark.parametrize(
    "words", [["unknown"], ["migrate", "--unknown"], ["users", "create"], ["serve", "--port", "x"]]
)
def test_what_was_mistyped_is_said_in_one_line(words: list[str]) -> None:
    assert " See: backend" in refused(*words, status=2)


@pytest.mark.parametrize(
    "words", [["migrate"], ["prestart"], ["users", "enable", "a@b.c"], ["sessions", "revoke", "--all"]]
)
def test_refused_settings_are_named_in_one_line(
    place: Place, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOL_MAX_SIZE", "many")
    monkeypatch.setenv("DATABASE_URL", "mysql://x")
    said = refused(*words)
    assert said.startswith("The configuration is refused: ")
    assert "POOL_MAX_SIZE" in said
    assert "DATABASE_URL" in said


@pytest.mark.parametrize("words", [["migrate"], ["migrate", "--plan"], ["sessions", "revoke", "--all"]])
def test_an_owner_who_cannot_connect_is_told_why(
    place: Place, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_OWNER_URL", place.url(place.owner, password="wrong"))
    said = refused(*words)
    assert said.startswith("cannot connect to DATABASE_OWNER_URL: ")
    assert "password authentication failed" in said


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("command", ["migrate", "check"])
def test_a_connection_that_ends_before_its_first_statement_is_no_traceback(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise psycopg.OperationalError("it is lost")

    monkeypatch.setattr(psycopg.Connection, "execute", lost)
    assert refused(command).endswith(": it is lost")


@pytest.mark.parametrize("words", [["migrate"], ["users", "enable", "ada@example.com"]])
def test_without_an_owner_that_is_said(place: Place, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_OWNER_URL")
    assert refused(*words).startswith("DATABASE_OWNER_URL is needed")


def test_routes_that_cannot_be_imported_are_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "backend.documentation.document", None)
    assert "backend.documentation.document cannot be imported: ModuleNotFoundError" in refused("openapi", "-")


def test_an_interrupted_command_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backend.prestart.prestart", interrupted)
    said = typed("prestart")
    assert said == (1, "", "\nbackend: interrupted\n")  # The empty line ends that of the terminal's ^C.


def test_migrate_says_a_line_for_each_file_and_a_plan_only_lists_them(empty: Place) -> None:
    assert typed("migrate", "--plan") == (0, "".join(f"{name}\n" for name in NAMES), "")
    assert typed("migrate") == (0, "".join(f"migrating {name}\n" for name in NAMES), "")
    assert done("migrate") == done("migrate", "--plan") == "There is nothing to migrate."


def test_migrate_refuses_an_edited_file_in_one_line(empty: Place) -> None:
    migrate(empty.settings)
    empty.run("UPDATE schema_migrations SET sha256 = '' WHERE name = %s", NAMES[1])
    for words in (["migrate"], ["migrate", "--plan"]):
        assert refused(*words) == f"{NAMES[1]} was edited after it was applied; write a new migration instead"


def test_prestart_says_whether_it_may_be_served_from(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert done("prestart") == "PostgreSQL answers, and its role and schema are fit to serve from."
    monkeypatch.delenv("DATABASE_OWNER_URL")
    monkeypatch.setenv("DATABASE_URL", place.url(place.owner))
    assert "it owns the tables" in refused("prestart")
