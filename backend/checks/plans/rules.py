"""What is wrong with a plan that PostgreSQL made although it was told not to read any table from end to end."""

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from backend.checks.schema.catalogue import Catalogue, Index, Table

type Plan = dict[str, Any]

# What hands on the rows that it gets, in their order.
_PASSES: Final = {"Subquery Scan", "Result", "LockRows", "ProjectSet", "Append", "Gather", "Unique", "ModifyTable"}
_SCANS: Final = {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
_SORTS: Final = {"Sort", "Incremental Sort"}

_FEW: Final = 100

_TEXT: Final = re.compile(r"'(?:[^']|'')*'")
_PATTERN: Final = re.compile(r" !?~~?\*? ")
# A column that is held against something, as a whole condition.
_COMPARISON: Final = re.compile(r"\(?(?P<alias>\w+)\.(?P<column>\w+)(?:\)?::[\w ]+)? (?:=|<|>|<=|>=) ")


class Wrong(Struct, frozen=True, order=True):
    code: str
    sentence: str


def nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def children(plan: Plan) -> list[Plan]:
    """Those that rows come from: no subplans."""
    return [one for one in plan.get("Plans", ()) if one["Parent Relationship"] not in ("SubPlan", "InitPlan")]


def wrong(plan: Plan, catalogue: Catalogue, unserved: frozenset[int]) -> frozenset[Wrong]:
    """`unserved` are the tables with a condition that looks for a pattern and has no index."""
    return frozenset(_wrong(plan, catalogue, unserved))


def _wrong(plan: Plan, catalogue: Catalogue, unserved: frozenset[int]) -> Iterator[Wrong]:
    tables = {table.name: table for table in catalogue.tables}
    pages = [node for limit in nodes(plan) if limit["Node Type"] == "Limit" for node in _passed(limit)]
    for node in nodes(plan):
        yield from _subplans(node, catalogue, tables)
        if table := _table(node, tables):
            yield from _scan(node, table, catalogue, unserved, any(node is page for page in pages))
    for node in pages:
        if node["Node Type"] in _SORTS:
            names = sorted(_sources(node))
            yield Wrong("sorts-a-page", f"sorts all that it finds in {' and '.join(names)} to show the first of it")


def _passed(node: Plan) -> Iterator[Plan]:
    """What gives its rows to a LIMIT, one after the other, until there are enough."""
    for child in children(node):
        yield child
        if child["Node Type"] in _PASSES:
            yield from _passed(child)


def _sources(plan: Plan) -> set[str]:
    """The tables and CTEs whose rows these are."""
    own = {plan[name] for name in ("Relation Name", "CTE Name", "Function Name") if name in plan}
    return own.union(*map(_sources, children(plan)))


def _table(node: Plan, tables: dict[str, Table]) -> Table | None:
    if "Relation Name" not in node or node["Node Type"] == "ModifyTable":
        return None
    schema, name = node.get("Schema", "public"), node["Relation Name"]
    return tables.get(name if schema == "public" else f"{schema}.{name}")


def _scan(node: Plan, table: Table, catalogue: Catalogue, unserved: frozenset[int], is_page: bool) -> Iterator[Wrong]:
    indexes = {index.name: index for index in catalogue.indexes_of(table)}
    kind, used = node["Node Type"], indexes.get(node.get("Index Name", ""))
    if kind not in _SCANS:
        return
    looks = [one for one in nodes(node) if one.get("Index Name") in indexes] if kind == "Bitmap Heap Scan" else [node]
    # An index without a condition is read from end to end as well, unless it has few rows, or only a page is wanted.
    unconditional = [one for one in looks if "Index Cond" not in one and not _is_partial(one, indexes)]
    # Of a handful of rows that it has counted, PostgreSQL reads all, even where an index would serve.
    if 0 <= table.rows < _FEW and used:
        return
    if unconditional and not (is_page and used):
        yield Wrong("no-index", f"reads {table.name} from end to end, for no index serves it")
        return
    if used and _is_whole_key(node, table, used):
        return
    yield from _filters(node, table, indexes, unserved)


def _is_partial(node: Plan, indexes: dict[str, Index]) -> bool:
    return "Index Name" in node and indexes[node["Index Name"]].partial


def _filters(node: Plan, table: Table, indexes: dict[str, Index], unserved: frozenset[int]) -> Iterator[Wrong]:
    numbers = {name: number for number, name in table.columns.items()}
    used = node.get("Index Name", "")
    for condition in conjuncts(node.get("Filter", "")):
        bare = _TEXT.sub("''", condition)
        if table.oid in unserved and (pattern := _PATTERN.search(bare)):
            if re.search(rf"\b{re.escape(node['Alias'])}\.", bare[: pattern.start()]):
                yield Wrong("pattern-filter", f"looks for a pattern in row after row of {table.name}")
        elif (compared := _COMPARISON.match(bare)) and compared["alias"] == node["Alias"]:
            column = compared["column"]
            leading = [index for index in indexes.values() if index.leads_with(numbers.get(column, 0))]
            if leading and not any(_goes_on_with(index, indexes.get(used)) for index in leading):
                sentence = f"filters the rows of {table.name} by {column}, although {leading[0].name} begins with that"
                yield Wrong("filters-indexed", sentence)


def _goes_on_with(index: Index, used: Index | None) -> bool:
    """Whether it could do the same: after its first column it has what the other one has, in the same order.

    Which of the two is better depends on how many rows of how many owners there are, and is PostgreSQL's to decide.
    """
    return used is not None and (index is used or index.keys[1 : len(used.keys) + 1] == used.keys)


def conjuncts(condition: str) -> list[str]:
    """The conditions that EXPLAIN has joined by AND, each without the brackets around it."""
    if not condition:
        return []
    inner = condition[1:-1] if condition.startswith("(") and condition.endswith(")") else condition
    parts, depth, begins = [], 0, 0
    for found in re.finditer(r"'(?:[^']|'')*'|[()]| AND ", inner):
        depth += (found[0] == "(") - (found[0] == ")")
        if found[0] == " AND " and depth == 0:
            parts.append(inner[begins : found.start()])
            begins = found.end()
    if not parts:
        return [inner]
    return [part for one in [*parts, inner[begins:]] for part in conjuncts(one)]


def _subplans(node: Plan, catalogue: Catalogue, tables: dict[str, Table]) -> Iterator[Wrong]:
    for child in node.get("Plans", ()):
        if child["Parent Relationship"] != "SubPlan":
            continue
        name = child["Subplan Name"]
        hashed = any(f"hashed {name}" in str(text) for key, text in node.items() if key != "Plans")
        if not hashed and not at_most_one(node, catalogue, tables):
            names = " and ".join(sorted(_sources(child))) or "no table"
            yield Wrong("subplan-per-row", f"runs a subquery of {names} for every row")


def at_most_one(node: Plan, catalogue: Catalogue, tables: dict[str, Table]) -> bool:
    """Whether it looks at one row at the most: what a whole unique key says, and what is made of such."""
    kind = node["Node Type"]
    if kind in ("Index Scan", "Index Only Scan") and (table := _table(node, tables)):
        index = next((one for one in catalogue.indexes_of(table) if one.name == node["Index Name"]), None)
        return index is not None and _is_whole_key(node, table, index)
    below = children(node)
    if kind == "Aggregate" and node.get("Strategy") == "Plain" and "Partial Mode" in node:
        return True
    if kind == "Result" and not below:
        return True
    passes = kind in _PASSES - {"Append", "ProjectSet"} or kind in {"Nested Loop", "Limit", "Sort", "Materialize"}
    return passes and bool(below) and all(at_most_one(child, catalogue, tables) for child in below)


def _is_whole_key(node: Plan, table: Table, index: Index) -> bool:
    conditions = conjuncts(node.get("Index Cond", ""))
    wanted = [f"{node['Alias']}.{table.columns[key]} = " for key in index.keys if isinstance(key, int)]
    whole = [any(one.startswith(want) and " = ANY " not in one for one in conditions) for want in wanted]
    return index.unique and not index.partial and len(whole) == len(index.keys) and all(whole)
