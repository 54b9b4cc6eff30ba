"""Which columns of a result may be NULL, from PostgreSQL's own tree of the statement.

What is not known here may be NULL: of the two mistakes that is the one that somebody notices.
"""

from typing import Final

from backend.checks.nullability import never_null, sources
from backend.checks.nullability.lookups import Catalogue
from backend.checks.nullability.proofs import THROUGH, fails, given, learn, present
from backend.checks.nullability.rows import surely_gives_a_row
from backend.checks.nullability.scopes import ALL, ANY, ARRAY, EXISTS, SCALAR, Nullable, Scope, targets
from backend.checks.trees import Node

_NEVER: Final = frozenset(
    {"NULLTEST", "BOOLEANTEST", "DISTINCTEXPR", "ARRAYEXPR", "ROWEXPR", "GROUPINGFUNC", "MERGESUPPORTFUNC"}
)
_CURRENT_SCHEMA: Final = 14
_EXTERNAL, _OF_SUBLINK = 0, 2
_UNION, _INTERSECT = 1, 2


def nullable_columns(query: Node, catalogue: Catalogue, parameters: Nullable, *, row_is_there: bool) -> list[bool]:
    """For each column of the result whether it may be NULL; with `row_is_there` only where the first is not.

    `parameters` says of a parameter, by its number, whether it may be.
    """
    scope = learn(Scope(query, catalogue, None, parameters))
    if row_is_there and targets(query):
        present(scope, 1)
    return [column_nullable(scope, number) for number in range(1, len(targets(query)) + 1)]


def column_nullable(scope: Scope, number: int) -> bool:
    """Of a column of the query's result."""
    if operation := scope.query["setOperations"]:
        return _of_operation(scope, operation, number)
    expression = targets(scope.query)[number - 1]["expr"]
    return _padded(scope.query, expression) or nullable(expression, scope)


def _of_operation(scope: Scope, operation: Node, number: int) -> bool:
    if operation.kind == "RANGETBLREF":
        return sources.nullable(scope, operation["rtindex"], number)
    left = _of_operation(scope, operation["larg"], number)
    if operation["op"] == _UNION:
        return left or _of_operation(scope, operation["rarg"], number)
    return left and (operation["op"] != _INTERSECT or _of_operation(scope, operation["rarg"], number))


def _padded(query: Node, expression: Node) -> bool:
    """Of several functions of rows among the columns the shorter ones are filled up."""
    sets = [one for target in targets(query) for one in target["expr"].walk() if one.get("funcretset")]
    return len(sets) > 1 and any(one.get("funcretset") for one in expression.walk())


def nullable(expression: Node, scope: Scope) -> bool:
    """Whether an expression of the query may be NULL."""
    if expression.kind in _NEVER:
        return False
    if expression.kind in THROUGH:
        return nullable(expression["arg"], scope)
    match expression.kind:
        case "VAR":
            return sources.nullable_variable(expression, scope)
        case "CONST":
            return bool(expression["constisnull"])
        case "PARAM":
            return expression["paramkind"] != _EXTERNAL or scope.nullable(expression["paramid"])
        case "COALESCEEXPR" | "MINMAXEXPR":
            return all(nullable(one, scope) for one in expression["args"])
        case "BOOLEXPR":
            return any(nullable(one, scope) for one in expression["args"])
        case "CASEEXPR":
            return _of_case(expression, scope)
        case "SQLVALUEFUNCTION":
            return bool(expression["op"] == _CURRENT_SCHEMA)
        case "SCALARARRAYOPEXPR":
            return _of_array_comparison(expression, scope)
        case "SUBLINK":
            return _of_sublink(expression, scope)
        case "AGGREF":
            return _of_aggregate(expression, scope)
        case "WINDOWFUNC":
            return _of_window(expression, scope)
        case "OPEXPR":
            known = scope.catalogue.operators.get(expression["opno"]) in never_null.OPERATORS
            return not known or any(nullable(one, scope) for one in expression["args"])
        case "FUNCEXPR":
            return sources.nullable_call(expression, scope)
    return True


def _of_case(case: Node, scope: Scope) -> bool:
    """Each result where its own condition holds, and those before it do not."""
    searched = case["arg"] is None
    with given(scope, None):
        for one in case["args"]:
            with given(scope, one["expr"] if searched else None):
                if nullable(one["result"], scope):
                    return True
            if searched:
                fails(scope, one["expr"])
        return case["defresult"] is None or nullable(case["defresult"], scope)


def _of_array_comparison(comparison: Node, scope: Scope) -> bool:
    """NULL comes out of NULL on either side, and of one within the array."""
    left, right = comparison["args"]
    known = scope.catalogue.operators.get(comparison["opno"]) in never_null.OPERATORS
    elements = right["elements"] if right.kind == "ARRAYEXPR" else None
    return not known or elements is None or any(nullable(one, scope) for one in (left, *elements))


def _of_sublink(link: Node, scope: Scope) -> bool:
    query, kind = link["subselect"], link["subLinkType"]
    if kind in (EXISTS, ARRAY):
        return False
    below = learn(scope.below(query))
    columns = [column_nullable(below, number) for number in range(1, len(targets(query)) + 1)]
    if kind == SCALAR:
        return any(columns) or not surely_gives_a_row(below)
    if kind in (ANY, ALL):
        return any(columns) or _of_comparison(link["testexpr"], scope)
    return True


def _of_comparison(test: Node, scope: Scope) -> bool:
    """Of `x IN (SELECT ...)`, whose right side stands there as a parameter, apart from that."""
    if test.kind == "BOOLEXPR":
        return any(_of_comparison(one, scope) for one in test["args"])
    if test.kind != "OPEXPR" or scope.catalogue.operators.get(test["opno"]) not in never_null.OPERATORS:
        return True
    return nullable(test["args"][0], scope)


def _of_aggregate(aggregate: Node, scope: Scope) -> bool:
    """Of a group, which has a row, it is a value if all that goes into it are."""
    name = scope.catalogue.functions[aggregate["aggfnoid"]].name
    if name in never_null.COUNTS:
        return False
    grouped = scope.query["groupClause"] and not scope.query["groupingSets"] and not aggregate["agglevelsup"]
    if not grouped or aggregate["aggfilter"] or name not in never_null.OF_VALUES:
        return True
    return any(nullable(one["expr"], scope) for one in aggregate["args"] or [])


def _of_window(call: Node, scope: Scope) -> bool:
    """Of a frame that has a row it is a value if all that goes into it are."""
    name = scope.catalogue.functions[call["winfnoid"]].name
    if name in never_null.COUNTS:
        return False
    window = next(one for one in scope.query["windowClause"] if one["winref"] == call["winref"])
    known = name in never_null.OF_VALUES | never_null.OF_FRAMES
    if not known or call["aggfilter"] or not never_null.has_own_row(window["frameOptions"]):
        return True
    return any(nullable(one, scope) for one in call["args"] or [])
