"""Whatever is made wrong in a statement is noticed, by Python or PostgreSQL alone or by `backend check`."""

from collections import Counter

import pytest

from backend.checks.database import Database
from backend.checks.nullability.lookups import Catalogue
from backend.checks.statements.reading import statements
from tests.checks.outcomes import Row, table
from tests.checks.statement_mutations import mutations, outcome, rows
from tests.checks.texts import dropped, lists_of, swapped


@pytest.fixture(scope="module")
def tally(checked: Database) -> list[Row]:
    return rows(checked)


def test_no_mutation_is_missed(tally: list[Row]) -> None:
    assert [(row.kind, one) for row in tally for one in row.missed] == []


def test_every_statement_is_changed_in_every_way_that_it_can_be(tally: list[Row]) -> None:
    assert {row.kind for row in tally} == {
        "column dropped",
        "columns swapped",
        "parameter renamed",
        "field of another type",
        "field not optional",
    }
    assert sum(row.generated for row in tally) > 1500
    changed = Counter(one.statement.id for one in mutations())
    assert {one.id for one in statements()} <= set(changed)


def test_what_is_equivalent_has_its_reason_and_no_finding(checked: Database, catalogue: Catalogue) -> None:
    """Columns of WITH in another order, and fields that take anything."""
    excused = [one for one in mutations() if one.equivalent]
    assert {one.equivalent for one in excused} == {
        "WITH gives its columns by their names",
        "object is whatever is read",
    }
    assert {outcome(checked, catalogue, one) for one in excused if one.shape is None} == {"equivalent"}


def test_the_table_adds_up() -> None:
    assert table([Row("a", 1, 2, 3, ("x",)), Row("b", 1, 0, 0, ())]).splitlines()[2:] == [
        "| a | 7 | 1 | 2 | 3 | 1 |",
        "| b | 1 | 1 | 0 | 0 | 0 |",
        "| all | 8 | 2 | 2 | 3 | 1 |",
    ]


def test_lists_of_columns_are_found_and_changed() -> None:
    text = "INSERT INTO t (a, b)\nSELECT f(x, 'y, z'), %(b)s\nFROM   u\nRETURNING a, b\n"
    into, selected, returned = lists_of(text)
    assert [text[slice(*one)] for one in selected.items] == ["f(x, 'y, z')", "%(b)s\n"]
    assert swapped(text, *selected.items).splitlines()[1] == "SELECT %(b)s, f(x, 'y, z')"
    assert dropped(text, into, 0).splitlines()[0] == "INSERT INTO t (b)"
    assert dropped(text, into, 1).splitlines()[0] == "INSERT INTO t (a)"
    assert dropped(text, returned, 1).splitlines()[-1] == "RETURNING a"
