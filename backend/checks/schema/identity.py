"""How policies find out who asks, and the rows that are his: read from their trees."""

from collections.abc import Iterator
from typing import Final

from backend.checks.schema.catalogue import Catalogue, Index
from backend.checks.trees import Node

# Kinds of subqueries, as PostgreSQL numbers them, and of what they read.
_EXISTS, _ANY = 0, 2
_RELATION: Final = 0


def read_once(catalogue: Catalogue, tree: Node) -> Iterator[str]:
    """The functions that are not IMMUTABLE and yet called for each row: outside a subquery that is evaluated once."""
    if tree.kind == "SUBLINK" and not correlated(tree):
        return
    if tree.kind == "FUNCEXPR" and (name := catalogue.changing.get(tree["funcid"])):
        yield name
    for child in children(tree):
        yield from read_once(catalogue, child)


def correlated(sublink: Node) -> bool:
    """Whether a subquery uses a column of the query around it, and so has to be evaluated for each of its rows."""
    return any(_outward(child, 0) for child in children(sublink))


def _outward(tree: Node, depth: int) -> bool:
    depth += tree.kind == "QUERY"
    if tree.kind == "VAR" and tree["varlevelsup"] >= depth:
        return True
    return any(_outward(child, depth) for child in children(tree))


def children(tree: Node) -> Iterator[Node]:
    for value in tree.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Node):
                yield one


def compared(tree: Node | None) -> set[int]:
    """The columns that are compared with something that is the same for all rows."""
    if tree is None:
        return set()
    if tree.kind == "BOOLEXPR":
        return {column for child in children(tree) for column in compared(child)}
    operands = tree["args"] if tree.kind == "OPEXPR" else []
    columns = {one["varattno"] for one in operands if one.kind == "VAR"}
    return columns if len(columns) == 1 and len(operands) == 2 else set()


def served(tree: Node, indexes: list[Index]) -> bool:
    """Whether the rows for which it is true can be found without looking at all: of what is joined by AND one condition
    is enough, of what is joined by OR each needs an index. What compares no column wants none.
    """
    if tree.kind == "BOOLEXPR" and tree["boolop"] in ("and", "or"):
        parts = [served(child, indexes) for child in children(tree) if tree["boolop"] == "or" or compared(child)]
        return all(parts) if tree["boolop"] == "or" else not parts or any(parts)
    columns = compared(tree)
    return not columns or any(index.leads_with(column) for index in indexes for column in columns)


def tied(catalogue: Catalogue, tree: Node) -> bool:
    """Whether it is true only of rows that belong to who asks: of what is joined by AND one condition is enough, of
    what is joined by OR each has to be such.

    Such are an equation of the row with what does not depend on it, and a subquery that looks for the row.
    """
    if tree.kind == "BOOLEXPR" and tree["boolop"] in ("and", "or"):
        parts = [tied(catalogue, child) for child in children(tree)]
        return all(parts) if tree["boolop"] == "or" else any(parts)
    if tree.kind == "OPEXPR" or (tree.kind == "SCALARARRAYOPEXPR" and tree["useOr"]):
        one, other = tree["args"] if len(tree["args"]) == 2 else (tree, tree)
        uses_row = _outward(one, 0), _outward(other, 0)
        fixed = {(True, False): other, (False, True): one}.get(uses_row)
        return tree["opno"] in catalogue.equalities and fixed is not None and _asks(catalogue, fixed)
    looks = tree.kind == "SUBLINK" and tree["subLinkType"] in (_EXISTS, _ANY)
    return looks and correlated(tree) and _asks(catalogue, tree["subselect"])


def _asks(catalogue: Catalogue, tree: Node) -> bool:
    """Whether it differs with who asks: by a function that is not IMMUTABLE, or by the policies of another table."""
    return any(
        (one.kind == "FUNCEXPR" and one["funcid"] in catalogue.changing)
        or (one.kind == "RANGETBLENTRY" and one["rtekind"] == _RELATION)
        for one in tree.walk()
    )
