"""Which columns of tables, views, subqueries and functions may be NULL, as the query that reads them sees them.

It goes down into each of them, and their expressions come back to `nullability`: hence the circle of imports.
"""

from typing import Final

from backend.checks.nullability import expressions, never_null
from backend.checks.nullability.lookups import Function
from backend.checks.nullability.proofs import learn, present
from backend.checks.nullability.rows import surely_gives_a_row
from backend.checks.nullability.scopes import (
    CTE,
    DELETE,
    FUNCTION,
    GROUP,
    INSERT,
    JOIN,
    MERGE,
    RELATION,
    SUBQUERY,
    VALUES,
    Scope,
    targets,
)
from backend.checks.trees import Node

_OLD, _NEW = 1, 2
_CASTS: Final = (1, 2)


def nullable_variable(column: Node, scope: Scope) -> bool:
    """Whether a VAR may be NULL."""
    scope = scope.above(column["varlevelsup"])
    command, number, returning = scope.query["commandType"], column["varno"], column["varreturningtype"]
    if set(column["varnullingrels"]) - scope.met:
        return True
    if command == MERGE and (returning or number != scope.query["resultRelation"]):
        return True
    return (returning, command) in ((_OLD, INSERT), (_NEW, DELETE)) or nullable(scope, number, column["varattno"])


def nullable(scope: Scope, number: int, column: int) -> bool:
    """Whether a column of a source may be: 0 is the whole row, and those below are the system's."""
    if column <= 0 or (number, column) in scope.proven:
        return False
    source = scope.source(number)
    kind = source["rtekind"]
    if kind == RELATION:
        return _of_relation(scope, number, column)
    if kind == SUBQUERY:
        return _of_rows_of(scope, number, scope.below(source["subquery"]), column)
    if kind == JOIN:
        return expressions.nullable(source["joinaliasvars"][column - 1], scope)
    if kind == GROUP:
        return bool(scope.query["groupingSets"]) or expressions.nullable(source["groupexprs"][column - 1], scope)
    if kind == VALUES:
        return any(expressions.nullable(row[column - 1], scope) for row in source["values_lists"])
    if kind == CTE:
        return _of_common(scope, number, column)
    return kind != FUNCTION or _of_function(scope, number, column)


def _of_relation(scope: Scope, number: int, column: int) -> bool:
    table = scope.source(number)["relid"]
    view = scope.catalogue.views.get(table)
    query = scope.catalogue.last_query(view) if view else None
    if query is None:
        return (table, column) not in scope.catalogue.not_null
    return _of_rows_of(scope, number, Scope(query, scope.catalogue), column)


def _of_rows_of(scope: Scope, number: int, inner: Scope, column: int) -> bool:
    """Of a query that is a source: of those of its rows that the conditions outside have left."""
    learn(inner)
    for source, known in scope.proven:
        if source == number and 0 < known <= len(targets(inner.query)):
            present(inner, known)
    return expressions.column_nullable(inner, column)


def _of_common(scope: Scope, number: int, column: int) -> bool:
    """Of a query of WITH. One that reads itself: no row is NULL there if none is without those it has found before."""
    source = scope.source(number)
    name = source["ctename"]
    beside, query = scope.common(name, source["ctelevelsup"])
    if (name, column) in beside.under_way:
        return False
    beside.under_way.add((name, column))
    try:
        return _of_rows_of(scope, number, beside.below(query), column)
    finally:
        beside.under_way.remove((name, column))


def _of_function(scope: Scope, number: int, column: int) -> bool:
    """Of a function in FROM. Of several the shorter ones are filled up; WITH ORDINALITY counts in a last column."""
    source = scope.source(number)
    width = sum(one["funccolcount"] for one in source["functions"])
    if column > width:
        return False
    if len(source["functions"]) > 1 or source["functions"][0]["funcexpr"].kind != "FUNCEXPR":
        return True
    call = source["functions"][0]["funcexpr"]
    inner = _body(call, scope)
    if inner is None or len(targets(inner.query)) != width:
        return width > 1 or nullable_call(call, scope)
    if not call["funcretset"] and not surely_gives_a_row(inner):
        return True
    return _of_rows_of(scope, number, inner, column)


def nullable_call(call: Node, scope: Scope) -> bool:
    """Whether what a function gives may be NULL."""
    function = scope.catalogue.functions[call["funcid"]]
    if function.built_in:
        return _of_built_in(function, call, scope)
    inner = _body(call, scope)
    if inner is None or len(targets(inner.query)) != 1:
        return True
    may_be_empty = not function.returns_set and not surely_gives_a_row(inner)
    return may_be_empty or expressions.column_nullable(learn(inner), 1)


def _of_built_in(function: Function, call: Node, scope: Scope) -> bool:
    if (function.name in never_null.REGARDLESS and not call["funcvariadic"]) or function.name in never_null.SETS:
        return False
    arguments = call["args"] or []
    if call["funcformat"] in _CASTS:
        known = never_null.is_certain_cast(function.types)
    else:
        known = never_null.is_certain(function.name, function.types)
    return not known or any(expressions.nullable(one, scope) for one in arguments)


def _body(call: Node, scope: Scope) -> Scope | None:
    """The last statement of a function in SQL, which knows which of its arguments may be NULL.

    None for other functions, and for a strict one that is given NULL and so does not run.
    """
    function = scope.catalogue.functions[call["funcid"]]
    query = scope.catalogue.last_query(function.body) if function.body else None
    if query is None:
        return None
    given = _arguments(function, call, scope)
    if function.strict and not function.returns_set and any(given.values()):
        return None
    return Scope(query, scope.catalogue, None, lambda number: given.get(number, True))


def _arguments(function: Function, call: Node, scope: Scope) -> dict[int, bool]:
    """By their numbers; what is not given has its default, the last of which is that of the last argument."""
    given: dict[int, bool] = {}
    for number, one in enumerate(call["args"] or [], 1):
        named = one.kind == "NAMEDARGEXPR"
        given[one["argnumber"] + 1 if named else number] = expressions.nullable(one["arg"] if named else one, scope)
    defaults = scope.catalogue.tree(function.defaults) if function.defaults else []
    for number, one in enumerate(defaults, function.arity - len(defaults) + 1):
        if number not in given:
            given[number] = expressions.nullable(one, scope)
    return given
