"""Conditions that an index could serve, were it not for row security.

Where policies hide rows, PostgreSQL looks at a row's owner before it lets any function see the row that could tell
what was in it, by an error or a message: all that are not LEAKPROOF. Such a condition never goes into an index.
EXPLAIN shows that it is a filter, but not that there is an index for it; so this compares the trees of both.
"""

from collections.abc import Iterator
from typing import Any, Final

from backend.checks.database import Database, Who
from backend.checks.plans.rules import Wrong
from backend.checks.schema.catalogue import EVERYBODY, Catalogue, Index, Policy, Table
from backend.checks.schema.identity import children, correlated
from backend.checks.trees import Node, same

# Nodes that leak only what is below them leaks, as in contain_leaked_vars() of PostgreSQL's clauses.c.
_PLAIN: Final = {
    *("VAR", "CONST", "PARAM", "ARRAYEXPR", "FIELDSELECT", "NAMEDARGEXPR", "BOOLEXPR", "RELABELTYPE", "COLLATEEXPR"),
    *("CASEEXPR", "CASEWHEN", "CASETESTEXPR", "ROWEXPR", "SQLVALUEFUNCTION", "NULLTEST", "BOOLEANTEST"),
}
# Nodes that call a function, and the field that says which.
_CALLS: Final = {
    "FUNCEXPR": "funcid",
    "OPEXPR": "opfuncid",
    "DISTINCTEXPR": "opfuncid",
    "NULLIFEXPR": "opfuncid",
    "SCALARARRAYOPEXPR": "opfuncid",
}
_RELATION: Final = 0
_EXPRESSION: Final = 4  # A subquery that gives one value.


def under_policies(database: Database, who: Who) -> frozenset[int]:
    """The tables of which somebody does not see every row."""
    catalogue, roles = database.catalogue, database.roles
    names = {"runtime": {roles.runtime, database.login}, "owner": {roles.owner}, "gate": {roles.gate}}[who]
    names.add(EVERYBODY)
    hidden = set()
    for table in catalogue.tables:
        policies = [one for one in catalogue.policies_of(table) if names & set(one.roles)]
        if table.enabled and (table.forced or table.owner not in names) and not any(map(_shows_all, policies)):
            hidden.add(table.oid)
    return frozenset(hidden)


def _shows_all(policy: Policy) -> bool:
    return policy.permissive and policy.using is not None and policy.using.kind == "CONST"


def leaking(query: Node, hidden: frozenset[int], catalogue: Catalogue) -> Iterator[Wrong]:
    """The conditions of a query, and of those inside of it, that an index is there for and cannot serve."""
    for condition, number, table in _asked_of(query, catalogue):
        if table.oid not in hidden or not _leaks(condition, catalogue):
            continue
        for index in catalogue.indexes_of(table):
            if any(_serves(index, comparison, number, catalogue) for comparison in _comparisons(condition)):
                sentence = f"has a condition that is not LEAKPROOF: row security of {table.name} keeps it from"
                yield Wrong("not-leakproof", f"{sentence} the index {index.name}")


def unserved_patterns(query: Node, catalogue: Catalogue) -> Iterator[int]:
    """The tables in which a query looks for a pattern that no index helps to find."""
    for condition, number, table in _asked_of(query, catalogue):
        patterns = [one for one in _comparisons(condition) if one[1] in catalogue.patterns and _is_of(one[0], number)]
        indexes = catalogue.indexes_of(table)
        if not all(any(_serves(index, one, number, catalogue) for index in indexes) for one in patterns):
            yield table.oid


def _asked_of(query: Node, catalogue: Catalogue) -> Iterator[tuple[Node, int, Table]]:
    """Every condition, with each table of ours that is there where it is asked, and the number of that."""
    for inner in query.walk():
        if inner.kind != "QUERY":
            continue
        for condition in _conditions(inner["jointree"]):
            for number, entry in enumerate(inner["rtable"] or [], 1):
                if entry["rtekind"] == _RELATION and entry["relid"] in catalogue.relations:
                    yield condition, number, catalogue.relations[entry["relid"]]


def _is_of(tree: Node, number: int) -> bool:
    """Whether there is a column of the table in it."""
    own = tree.kind == "VAR" and (tree["varno"], tree["varlevelsup"]) == (number, 0)
    return own or any(_is_of(child, number) for child in children(tree))


def _conditions(tree: Any) -> Iterator[Node]:
    """What has to be true of a row: WHERE, ON, and the parts of both that AND joins."""
    if isinstance(tree, list):
        for one in tree:
            yield from _conditions(one)
    elif isinstance(tree, Node) and tree.kind == "FROMEXPR":
        yield from _conditions(tree["fromlist"])
        yield from _conditions(tree["quals"])
    elif isinstance(tree, Node) and tree.kind == "JOINEXPR":
        yield from _conditions([tree["larg"], tree["rarg"], tree["quals"]])
    elif isinstance(tree, Node) and tree.kind == "BOOLEXPR" and tree["boolop"] == "and":
        yield from _conditions(tree["args"])
    elif isinstance(tree, Node) and tree.kind != "RANGETBLREF":
        yield tree


def _comparisons(condition: Node) -> Iterator[tuple[Node, int]]:
    """The operands, and the operator that compares each with the others; of what OR joins, all."""
    if condition.kind == "BOOLEXPR" and condition["boolop"] == "or":
        for one in condition["args"]:
            yield from _comparisons(one)
    elif condition.kind in ("OPEXPR", "SCALARARRAYOPEXPR"):
        yield from ((operand, condition["opno"]) for operand in condition["args"])
    elif condition.kind == "ROWCOMPAREEXPR":
        for operands in (condition["largs"], condition["rargs"]):
            yield from zip(operands, condition["opnos"], strict=True)


def _serves(index: Index, comparison: tuple[Node, int], number: int, catalogue: Catalogue) -> bool:
    operand, operator = comparison
    for key, family in zip(index.keys, index.families, strict=True):
        if (family, operator) in catalogue.operators and _is_key(operand, key, number):
            return True
    return False


def _is_key(operand: Node, key: int | Node, number: int) -> bool:
    if isinstance(key, Node):
        return same(_alone(operand, number), _alone(key, 1))
    while operand.kind == "RELABELTYPE":
        operand = operand["arg"]
    return operand.kind == "VAR" and (operand["varno"], operand["varattno"], operand["varlevelsup"]) == (number, key, 0)


def _alone(tree: Any, number: int) -> Any:
    """The tree as if it were of the only table there is, as an index's is; what is of another table differs."""
    if isinstance(tree, list):
        return [_alone(one, number) for one in tree]
    if not isinstance(tree, Node):
        return tree
    if tree.kind == "VAR":
        mine = tree["varno"] == number and tree["varlevelsup"] == 0
        return Node("VAR", {"of": mine, "column": tree["varattno"], "collation": tree["varcollid"]})
    return Node(tree.kind, {name: _alone(value, number) for name, value in tree.items()})


def _leaks(tree: Node, catalogue: Catalogue) -> bool:
    """Whether something of a row could get out of it before the row's policy was asked."""
    if tree.kind == "SUBLINK":
        return tree["subLinkType"] != _EXPRESSION or correlated(tree)
    if tree.kind in _CALLS or tree.kind == "ROWCOMPAREEXPR":
        if _has_column(tree) and not set(_functions(tree, catalogue)) <= catalogue.leakproof:
            return True
    elif tree.kind not in _PLAIN:
        return True
    return any(_leaks(child, catalogue) for child in children(tree))


def _functions(tree: Node, catalogue: Catalogue) -> list[int]:
    if tree.kind == "ROWCOMPAREEXPR":
        return [catalogue.code_of[operator] for operator in tree["opnos"]]
    return [tree[_CALLS[tree.kind]] or catalogue.code_of[tree["opno"]]]


def _has_column(tree: Node) -> bool:
    return (tree.kind == "VAR" and tree["varlevelsup"] == 0) or any(map(_has_column, children(tree)))
