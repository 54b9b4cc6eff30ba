"""What the conditions of a query prove about the rows that are left: which of their columns are not NULL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from backend.checks.nullability.scopes import ANY, GROUP, JOIN, MERGE, UPDATE, Scope, targets
from backend.checks.trees import Node

_INNER, _LEFT, _RIGHT = 0, 1, 3
_IS_NULL, _IS_NOT_NULL = 0, 1
_IS_TRUE, _IS_FALSE, _IS_KNOWN = 0, 2, 5
# What is NULL exactly when its one argument is.
THROUGH: Final = frozenset({"RELABELTYPE", "COERCEVIAIO", "COLLATEEXPR", "ARRAYCOERCEEXPR", "COERCETODOMAIN"})


def learn(scope: Scope) -> Scope:
    """Reads WHERE, HAVING and the conditions of joins."""
    tree = scope.query["jointree"]
    for item in tree["fromlist"] or [] if tree else []:
        _learn_join(scope, item)
    if tree:
        holds(scope, tree["quals"])
    holds(scope, scope.query["havingQual"])
    return scope


def present(scope: Scope, column: int) -> Scope:
    """The same, of rows in which a column of the result is not NULL."""
    if not scope.query["setOperations"]:
        assume(scope, targets(scope.query)[column - 1]["expr"])
    return scope


@contextmanager
def given(scope: Scope, condition: Node | None) -> Iterator[None]:
    """While it lasts, the condition holds as well."""
    before = set(scope.proven), set(scope.met)
    holds(scope, condition)
    yield
    scope.proven, scope.met = before


def _learn_join(scope: Scope, item: Node) -> frozenset[int]:
    """The sources that it joins. Of an outer join the condition holds for the side that may be missing."""
    if item.kind != "JOINEXPR":
        return frozenset({item["rtindex"]})
    left, right = _learn_join(scope, item["larg"]), _learn_join(scope, item["rarg"])
    sides = {_INNER: left | right, _LEFT: right, _RIGHT: left}
    holds(scope, item["quals"], sides.get(item["jointype"], frozenset()))
    return left | right | {item["rtindex"]}


def holds(scope: Scope, condition: Node | None, within: frozenset[int] | None = None) -> None:
    """The condition is true; `within` are the sources about whose rows it says so, all without it."""
    if condition is None:
        return
    match condition.kind:
        case "BOOLEXPR" if condition["boolop"] == "and":
            for one in condition["args"]:
                holds(scope, one, within)
        case "BOOLEXPR" if condition["boolop"] == "not":
            _holds_not(scope, condition["args"][0], within)
        case "NULLTEST" if condition["nulltesttype"] == _IS_NOT_NULL and not condition["argisrow"]:
            assume(scope, condition["arg"], within)
        case "BOOLEANTEST" if condition["booltesttype"] in (_IS_TRUE, _IS_FALSE, _IS_KNOWN):
            assume(scope, condition["arg"], within)
        case "SCALARARRAYOPEXPR" if condition["useOr"] and scope.catalogue.strict(condition["opfuncid"]):
            assume(scope, condition["args"][0], within)  # With ALL the array might be empty.
        case "ROWCOMPAREEXPR":
            assume(scope, condition["largs"][0], within)  # The others need not have been looked at.
            assume(scope, condition["rargs"][0], within)
        case "SUBLINK" if condition["subLinkType"] == ANY:
            holds(scope, condition["testexpr"], within)
        case _:
            assume(scope, condition, within)


def _holds_not(scope: Scope, condition: Node, within: frozenset[int] | None) -> None:
    if condition.kind == "NULLTEST" and condition["nulltesttype"] == _IS_NULL and not condition["argisrow"]:
        assume(scope, condition["arg"], within)
    elif condition.kind == "OPEXPR":
        assume(scope, condition, within)  # It is false, and so not NULL.


def fails(scope: Scope, condition: Node) -> None:
    """The condition is not true, but false or NULL: `IS NULL` is never the latter."""
    if condition.kind == "BOOLEXPR" and condition["boolop"] == "or":
        for one in condition["args"]:
            fails(scope, one)
    elif condition.kind == "NULLTEST":
        _holds_not(scope, condition, None)


def assume(scope: Scope, expression: Node, within: frozenset[int] | None = None) -> None:
    """The expression is not NULL: nor is what would make it so."""
    if expression.kind in ("OPEXPR", "FUNCEXPR"):
        function = expression["opfuncid" if expression.kind == "OPEXPR" else "funcid"]
        if scope.catalogue.strict(function):
            for one in expression["args"] or []:
                assume(scope, one, within)
    elif expression.kind in THROUGH:
        assume(scope, expression["arg"], within)
    elif expression.kind == "VAR" and not expression["varlevelsup"] and _is_within(expression["varno"], within):
        _assume_column(scope, expression, within)


def _is_within(source: int, within: frozenset[int] | None) -> bool:
    return within is None or source in within


def _assume_column(scope: Scope, column: Node, within: frozenset[int] | None) -> None:
    number = column["varno"]
    if number == scope.query["resultRelation"] and scope.query["commandType"] in (UPDATE, MERGE):
        return  # That was the row before; RETURNING gives the one after.
    scope.met.update(column["varnullingrels"])
    scope.proven.add((number, column["varattno"]))
    source = scope.source(number)
    if source["rtekind"] in (JOIN, GROUP):
        stands_for = source["joinaliasvars" if source["rtekind"] == JOIN else "groupexprs"]
        assume(scope, stands_for[column["varattno"] - 1], within)
