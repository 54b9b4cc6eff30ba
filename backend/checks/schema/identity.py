"""How policies find out who asks, and the rows that are his: read from their trees."""

from collections.abc import Iterator

from backend.checks.schema.catalogue import Catalogue, Index
from backend.checks.trees import Node


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
