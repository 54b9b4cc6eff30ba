"""Every statement is right: nothing is found of it, nor of what travels in front."""

from pathlib import Path

import pytest

from backend.checks.allowances import allowances
from backend.checks.database import Database
from backend.checks.findings import Finding
from backend.checks.nullability.lookups import Catalogue
from backend.checks.statements import front, usage
from backend.checks.statements.comparing import check_statement
from backend.checks.statements.reading import Statement, statements, statements_of
from backend.checks.statements.texts import stars
from backend.checks.statements.usage import check_modules, check_uses, uncalled, undeclared
from queries.context import ENTER
from tests.checks.written import module_of

every_statement = pytest.mark.parametrize("statement", statements(), ids=lambda one: one.id)


def unallowed(found: list[Finding]) -> list[Finding]:
    return [one for one in found if not any(allowance.covers(one) for allowance in allowances())]


@every_statement
@pytest.mark.checklist(49)
def test_a_statement_fits_its_function_its_struct_and_the_schema(
    statement: Statement, checked: Database, catalogue: Catalogue
) -> None:
    """It is written out, prepared as the role that runs it, and given what it asks for, under one name."""
    assert unallowed(check_statement(checked, catalogue, statement)) == []
    assert list(check_uses(statement)) == []


@pytest.mark.checklist(49)
def test_what_is_run_is_a_constant_and_what_is_there_is_run() -> None:
    assert len(statements()) > 30
    assert list(check_modules()) == []


def test_what_travels_in_front_is_right_as_well(checked: Database, catalogue: Catalogue) -> None:
    for statement in (front.entering(), front.claiming()):
        assert check_statement(checked, catalogue, statement) == []
        assert len(statement.call.arguments) > 3
    assert list(front.check_front(checked)) == []


def test_labels_of_an_enum_are_those_of_the_literal(checked: Database, tmp_path: Path) -> None:
    source = (
        'class Row(Struct):\n    mood: Literal["glad"]\n'
        'OF: Final = "SELECT mood FROM moods WHERE mood <> %(other)s"\n'
        'async def of(conn: Door, other: Literal["angry"]) -> list[Row]:\n'
        "    return await fetch_all(conn, Row, OF, other=other)\n"
    )
    module = module_of(tmp_path, source)
    (statement,) = statements_of(module)
    with checked.acting("owner") as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE TABLE moods (mood mood NOT NULL)")
        found = check_statement(checked, Catalogue(checked), _owners(statement))
    assert [one.code for one in found if one.code != "refused"] == ["parameter-type", "column-type"]
    assert "['angry']" in found[0].sentence
    assert "['sad']" in found[1].sentence


def _owners(statement: Statement) -> Statement:
    """The same, run by the owner, in whose transaction those tables are."""

    class Owners(Statement, frozen=True):
        who = "owner"

    return Owners(*(getattr(statement, name) for name in statement.__struct_fields__))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("SELECT * FROM items", 1),
        ("SELECT items.*, 1 FROM items", 1),
        ("SELECT 1, * FROM items", 1),
        ("INSERT INTO items (title) VALUES ('*') RETURNING *", 1),
        ("SELECT DISTINCT ON (id) * FROM items", 1),
        ("SELECT (SELECT count(*) FROM items), 2 * 3, now() * 1", 0),
        ("SELECT '*', \"*\" FROM items -- * FROM", 0),
        ("SELECT $$ * $$, 1 /* , * */ FROM items", 0),
        ("SELECT %(a)s * %(b)s FROM items", 0),
    ],
)
def test_a_star_that_stands_for_columns(text: str, count: int) -> None:
    assert len(list(stars(text))) == count


def test_a_statement_has_one_function_of_its_name(tmp_path: Path) -> None:
    module = module_of(
        tmp_path,
        'ALONE: Final = "SELECT 1"\nTWICE: Final = "SELECT 2"\n'
        "async def twice(conn: Door) -> None:\n    await execute(conn, TWICE)\n"
        "async def again(conn: Door) -> None:\n    await execute(conn, TWICE)\n",
    )
    alone, twice = statements_of(module)
    assert [(one.code, one.line) for one in check_uses(alone)] == [("unused-statement", 2)]
    assert [(one.code, one.line) for one in check_uses(twice)] == [("several-functions", 3), ("misnamed", 7)]


def test_only_constants_are_run_and_every_function_is(tmp_path: Path) -> None:
    module = module_of(
        tmp_path,
        'OTHER = "SELECT 1"\n'
        "async def other(conn: Door) -> None:\n    await execute(conn, OTHER)\n"
        "async def glued(conn: Door, table: str) -> None:\n    await execute(conn, f'SELECT FROM {table}')\n",
    )
    assert [(one.code, one.line) for one in undeclared(module, set())] == [("glued", 4), ("glued", 6)]
    names = frozenset({f"{module.__name__}.other"})
    assert [(one.code, one.line) for one in uncalled(module, names)] == [("unused-function", 5)]
    assert "queries.items.find" in usage.called()
    assert "queries.items.found" not in usage.called()


def test_a_door_that_lets_everybody_in_is_found(checked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = ENTER.replace("enter(%(enter_user_id)s", "enter(nullif(%(enter_user_id)s, %(enter_user_id)s)::uuid")
    monkeypatch.setattr("queries.context.ENTER", opened)
    assert [one.code for one in front.check_front(checked)] == ["open"]


def test_a_right_that_is_missing_within_the_claim_is_found(checked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queries.claim.CLAIM", "SELECT gate.wait_of(%(claim_route)s)")
    assert [(one.code, one.of) for one in front.check_front(checked)] == [("refused", "queries.claim.CLAIM")]
