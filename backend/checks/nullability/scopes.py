"""A query with what is known of its rows: what its conditions prove, and what its parameters are."""

from collections.abc import Callable
from typing import Final

from backend.checks.nullability.lookups import Catalogue
from backend.checks.trees import Node

SELECT: Final = 1
UPDATE: Final = 2
INSERT: Final = 3
DELETE: Final = 4
MERGE: Final = 5

RELATION: Final = 0
SUBQUERY: Final = 1
JOIN: Final = 2
FUNCTION: Final = 3
VALUES: Final = 5
CTE: Final = 6
RESULT: Final = 8
GROUP: Final = 9

# Kinds of subqueries within an expression.
EXISTS: Final = 0
ALL: Final = 1
ANY: Final = 2
SCALAR: Final = 4
ARRAY: Final = 6

type Nullable = Callable[[int], bool]


def _any(_: int) -> bool:
    return True


class Scope:
    """`proven` are columns (number of the source, number of the column) that are not NULL in any row that is left,
    `met` the outer joins that have found a row for each of these. `nullable` says it of a parameter by its number.
    """

    def __init__(
        self, query: Node, catalogue: Catalogue, outer: "Scope | None" = None, nullable: Nullable = _any
    ) -> None:
        self.query, self.catalogue, self.outer, self.nullable = query, catalogue, outer, nullable
        self.proven: set[tuple[int, int]] = set()
        self.met: set[int] = set()
        self.under_way: set[tuple[str, int]] = set()  # Columns of recursive queries, while they are looked at.

    def above(self, levels: int) -> "Scope":
        """The scope of the query so many levels up. KeyError where there is none."""
        scope = self
        for _ in range(levels):
            if scope.outer is None:
                raise KeyError(levels)
            scope = scope.outer
        return scope

    def below(self, query: Node) -> "Scope":
        """That of a query within this one."""
        return Scope(query, self.catalogue, self, self.nullable)

    def source(self, number: int) -> Node:
        """An entry of the range table."""
        source: Node = self.query["rtable"][number - 1]
        return source

    def common(self, name: str, levels: int) -> "tuple[Scope, Node]":
        """The query that WITH gives this name, and the scope that it stands in."""
        scope = self.above(levels)
        return scope, next(one["ctequery"] for one in scope.query["cteList"] if one["ctename"] == name)


def targets(query: Node) -> list[Node]:
    """The columns that a query gives."""
    given = query["targetList"] if query["commandType"] == SELECT else query["returningList"]
    return [one for one in given or [] if not one["resjunk"]]
