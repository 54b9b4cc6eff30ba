"""Whether a query surely gives a row."""

from typing import Final

from backend.checks.nullability.scopes import CTE, FUNCTION, INSERT, RESULT, SELECT, SUBQUERY, VALUES, Scope, targets
from backend.checks.trees import Node

_INNER, _LEFT, _FULL, _RIGHT = 0, 1, 2, 3
_UNION: Final = 1
_UPDATES: Final = 2


def surely_gives_a_row(scope: Scope) -> bool:
    """At least one, whatever there is in the tables."""
    query = scope.query
    if query["limitOffset"] or not _passes(query["limitCount"]):
        return False
    if query["setOperations"]:
        return _operation(scope, query["setOperations"])
    if query["commandType"] == INSERT:
        return _insert(scope)
    if query["commandType"] != SELECT or query["havingQual"]:
        return False
    if query["hasAggs"] and not query["groupClause"] and not query["groupingSets"]:
        return True
    if any(one.get("funcretset") for target in targets(query) for one in target["expr"].walk()):
        return False
    return _sources(scope)


def _passes(limit: Node | None) -> bool:
    """A LIMIT that lets a row through: none, or a constant above 0."""
    if limit is None:
        return True
    if limit.kind == "FUNCEXPR" and len(limit["args"]) == 1:  # A cast to bigint.
        return _passes(limit["args"][0])
    return limit.kind == "CONST" and (limit["constisnull"] or int.from_bytes(limit["constvalue"], "little") > 0)


def _operation(scope: Scope, operation: Node) -> bool:
    if operation.kind == "RANGETBLREF":
        return _source(scope, operation["rtindex"])
    return bool(operation["op"] == _UNION) and (
        _operation(scope, operation["larg"]) or _operation(scope, operation["rarg"])
    )


def _insert(scope: Scope) -> bool:
    """Row security refuses a row and does not leave it out; a conflict or a trigger may."""
    query, conflict = scope.query, scope.query["onConflict"]
    if scope.source(query["resultRelation"])["relid"] in scope.catalogue.triggered:
        return False
    if conflict and (conflict["action"] != _UPDATES or conflict["onConflictWhere"]):
        return False
    return _sources(scope)


def _sources(scope: Scope) -> bool:
    """No condition, and a row of each source."""
    tree = scope.query["jointree"]
    return tree["quals"] is None and all(_item(scope, one) for one in tree["fromlist"] or [])


def _item(scope: Scope, item: Node) -> bool:
    if item.kind != "JOINEXPR":
        return _source(scope, item["rtindex"])
    left, right = _item(scope, item["larg"]), _item(scope, item["rarg"])
    of_each = {_LEFT: left, _RIGHT: right, _FULL: left or right}
    return of_each.get(item["jointype"], left and right and _is_true(item["quals"]))


def _is_true(condition: Node | None) -> bool:
    return condition is None or (
        condition.kind == "CONST" and not condition["constisnull"] and condition["constvalue"][0] == 1
    )


def _source(scope: Scope, number: int) -> bool:
    source = scope.source(number)
    kind = source["rtekind"]
    if kind == SUBQUERY:
        return surely_gives_a_row(scope.below(source["subquery"]))
    if kind == CTE and not source["self_reference"]:
        beside, query = scope.common(source["ctename"], source["ctelevelsup"])
        return surely_gives_a_row(beside.below(query))
    if kind == FUNCTION:
        return all(_function(scope, one["funcexpr"]) for one in source["functions"])
    return kind in (VALUES, RESULT)


def _function(scope: Scope, call: Node) -> bool:
    """One that gives no set gives one row; of one that does, its body says it."""
    if call.kind != "FUNCEXPR" or not call["funcretset"]:
        return True
    function = scope.catalogue.functions[call["funcid"]]
    query = scope.catalogue.last_query(function.body) if function.body and not function.strict else None
    return query is not None and surely_gives_a_row(Scope(query, scope.catalogue))
