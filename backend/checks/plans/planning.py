"""Plans: what every statement, and every statement inside a function, would cost of a table that has grown large.

They are planned without values and without reading tables from end to end, as the role that runs them and so under its
policies. Nothing is run.
"""

from collections.abc import Iterator
from typing import Final

import psycopg
from msgspec import Struct

from backend.checks.database import Connection, Database, Who
from backend.checks.findings import Finding
from backend.checks.places import place_of
from backend.checks.plans.conditions import leaking, under_policies, unserved_patterns
from backend.checks.plans.rules import Wrong, wrong
from backend.checks.schema.bodies import run_by, texts
from backend.checks.schema.catalogue import Catalogue
from backend.checks.schema.functions import functions
from backend.checks.schema.plpgsql import Unreadable
from backend.checks.statements.reading import statements
from backend.checks.trees import Node, analysed
from backend.database.refusals import one_line
from queries._statements import parsed

_EXPLAIN: Final = b"EXPLAIN (GENERIC_PLAN, FORMAT JSON, VERBOSE, COSTS OFF) "
_NO_SCANS: Final = "SET LOCAL enable_seqscan = off"
# Rows in the order of an index, and those of a second table one by one.
_STEP_BY_STEP: Final = """
SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off; SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off
"""
# Statements of our own have no other, and PREPARE takes no others.
_NAME: Final = b"backend_check"


class Planned(Struct, frozen=True):
    """A statement with `$n` in it, and where a finding is. `queries` are its trees, where they are known already."""

    file: str
    line: int
    of: str
    who: Who
    text: bytes
    queries: list[Node] | None = None

    def names(self, word: str) -> bool:
        return word.encode() in self.text

    def found(self, code: str, sentence: str) -> Finding:
        return Finding(self.file, self.line, code, f"{self.of} {sentence}", self.of)


def check(database: Database, about: str = "") -> Iterator[Finding]:
    """All of them, or those in which a word is, as the name of a table."""
    yield from _planned(database, [one for one in _statements() if one.names(about)])
    inside = list(_bodies(database))
    yield from (one for one in inside if isinstance(one, Finding))
    yield from _planned(database, [one for one in inside if isinstance(one, Planned) and one.names(about)])


def _planned(database: Database, planned: list[Planned]) -> Iterator[Finding]:
    roles: tuple[Who, ...] = ("runtime", "owner", "gate")
    for who in roles:
        if mine := [one for one in planned if one.who == who]:
            yield from _checked(database, who, mine)


def _statements() -> Iterator[Planned]:
    for one in statements():
        yield Planned(one.file, one.line, one.id, one.who, parsed(one.text).numbered)


def _bodies(database: Database) -> Iterator[Planned | Finding]:
    for function in functions(database.catalogue):
        place = place_of("function", function.name)
        try:
            inside = texts(function, database)
        except Unreadable as error:
            yield Finding(*place, "unreadable", f"{function.name} cannot be planned: {error}", function.name)
            continue
        trees = function.queries()
        for number, text in enumerate(inside):
            queries = [trees[number]] if trees else None
            yield Planned(*place, function.name, run_by(function, database), text.encode(), queries)


def _checked(database: Database, who: Who, planned: list[Planned]) -> Iterator[Finding]:
    hidden = under_policies(database, who)
    catalogue = database.catalogue
    with database.acting(who) as connection:
        for one in planned:
            found = list[Wrong]()
            try:
                with connection.transaction(force_rollback=True):
                    queries = [_analysed(connection, one.text)] if one.queries is None else one.queries
                    unserved = frozenset(table for query in queries for table in unserved_patterns(query, catalogue))
                    found += _best(connection, one.text, catalogue, unserved)
                    found += (problem for query in queries for problem in leaking(query, hidden, catalogue))
            except psycopg.Error as error:
                yield one.found("denied", f"cannot be planned as the {who}: {one_line(error)}")
            yield from (one.found(problem.code, problem.sentence) for problem in dict.fromkeys(found))


def _best(connection: Connection, text: bytes, catalogue: Catalogue, unserved: frozenset[int]) -> list[Wrong]:
    """What is wrong with the plan that has the least wrong with it.

    Of a table that is empty today PostgreSQL may choose to sort, or an index for another condition, where it need not:
    which of its ways is the cheapest is a matter of statistics, and of these a check must not depend.
    """
    found: list[list[Wrong]] = []
    for settings in (_NO_SCANS, _STEP_BY_STEP):
        connection.execute(settings)
        (row,) = connection.execute(_EXPLAIN + text).fetchall()
        found.append(sorted(wrong(row[0][0]["Plan"], catalogue, unserved)))
        if not found[-1]:
            return []
    return min(found, key=len)


def _analysed(connection: Connection, text: bytes) -> Node:
    query = analysed(connection, b"PREPARE %s AS %s" % (_NAME, text))
    connection.execute(b"DEALLOCATE %s" % _NAME)
    return query
