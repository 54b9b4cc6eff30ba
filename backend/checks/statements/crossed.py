"""Values that go into a place of another name, although there is a place of theirs: two that have changed places.

Of the same type, they would pass everywhere else. Places are the columns that INSERT and UPDATE set, and the arguments
of functions; a value has a name where it is a parameter or a column as it is.
"""

import ast
from collections.abc import Iterator, Sequence

from backend.checks.findings import Finding
from backend.checks.nullability.lookups import Catalogue
from backend.checks.nullability.proofs import THROUGH
from backend.checks.nullability.scopes import INSERT, SUBQUERY, UPDATE
from backend.checks.statements.parameters import given
from backend.checks.statements.preparing import Prepared
from backend.checks.statements.reading import Call, Statement
from backend.checks.trees import Node

type Placed = tuple[str, Node]


def check_places(statement: Statement, call: Call, prepared: Prepared, catalogue: Catalogue) -> Iterator[Finding]:
    """What is crossed, and what may be NULL for a column that may not."""
    yield from _crossed_in_call(statement, call)
    names = list(prepared.parameters)
    optional = {name for name, one in given(statement, call).items() if one and one.optional}
    for node in prepared.tree.walk():
        names_of = {place: _name_of(node, value, names) for place, value in _placed(node, catalogue)}
        for place, name in names_of.items():
            if name and name != place and names_of.get(name, name) != name:
                sentence = f"{statement.id} gives {name} to {place} , and something else to {name}"
                yield Finding(statement.file, statement.line, "crossed", sentence, statement.id)
        for place in _required(node, catalogue, names, optional):
            sentence = f"{call.function.name}() may pass None for {place} of {statement.id}, a column that is NOT NULL"
            yield Finding(statement.file, call.line, "nullable", sentence, statement.id)


def _crossed_in_call(statement: Statement, call: Call) -> Iterator[Finding]:
    passed = {one.arg: one.value for one in call.arguments}
    for place, value in passed.items():
        own = passed.get(value.id) if isinstance(value, ast.Name) else None
        if own and ast.unparse(value) not in (place, ast.unparse(own)):
            name = ast.unparse(value)
            sentence = f"{call.function.name}() passes {name} for {place} , and something else for {name}"
            yield Finding(statement.file, value.lineno, "crossed", sentence, statement.id)


def _placed(node: Node, catalogue: Catalogue) -> Sequence[Placed]:
    """The places that a node fills, by their names, and with what."""
    if node.kind == "QUERY" and node["commandType"] in (INSERT, UPDATE):
        columns = node["rtable"][node["resultRelation"] - 1]["eref"]["colnames"]
        return [(columns[one["resno"] - 1], one["expr"]) for one in node["targetList"] or [] if not one["resjunk"]]
    if node.kind == "FUNCEXPR":
        function = catalogue.functions[node["funcid"]]
        return [] if function.built_in else list(zip(function.names, node["args"] or [], strict=False))
    return []


def _name_of(node: Node, value: Node, names: Sequence[str]) -> str | None:
    """Of a parameter or a column of the query; what INSERT takes from a SELECT, as that finds it."""
    value = _bare(value)
    if value.kind == "PARAM":
        return names[value["paramid"] - 1] if 0 < value["paramid"] <= len(names) else None
    if value.kind != "VAR" or node.kind != "QUERY" or value["varlevelsup"]:
        return None
    source = node["rtable"][value["varno"] - 1]
    if source["rtekind"] == SUBQUERY:
        targets = [one for one in source["subquery"]["targetList"] if not one["resjunk"]]
        return _name_of(source["subquery"], targets[value["varattno"] - 1]["expr"], names)
    columns = source["eref"]["colnames"]
    return str(columns[value["varattno"] - 1]) if 0 < value["varattno"] <= len(columns) else None


def _bare(value: Node) -> Node:
    while value.kind in THROUGH or (value.kind == "FUNCEXPR" and value["funcformat"] and value["args"]):
        value = value["arg"] if value.kind in THROUGH else value["args"][0]
    return value


def _required(node: Node, catalogue: Catalogue, names: Sequence[str], optional: set[str]) -> Iterator[str]:
    """Columns that are NOT NULL and are given an argument that may be None."""
    if node.kind != "QUERY" or node["commandType"] not in (INSERT, UPDATE):
        return
    target = node["rtable"][node["resultRelation"] - 1]
    for one in node["targetList"] or []:
        value = _bare(one["expr"])
        required = (target["relid"], one["resno"]) in catalogue.not_null
        if required and value.kind == "PARAM" and names[value["paramid"] - 1] in optional:
            yield target["eref"]["colnames"][one["resno"] - 1]
