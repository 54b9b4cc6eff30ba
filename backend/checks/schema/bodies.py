"""What is inside of functions, as statements that can be planned: `$n` with a type stands where a variable stood."""

from collections.abc import Mapping
from typing import Final

from backend.checks.database import Database, Who
from backend.checks.schema import plpgsql
from backend.checks.schema.functions import Function
from backend.checks.schema.plpgsql import Token, Unreadable, split, tokens

# What PL/pgSQL declares by itself; in triggers there is more.
_ALWAYS: Final = {"found": "boolean", "sqlstate": "text", "sqlerrm": "text"}
_IN_TRIGGERS: Final = {
    "tg_op": "text",
    "tg_name": "name",
    "tg_when": "text",
    "tg_level": "text",
    "tg_relid": "oid",
    "tg_table_name": "name",
    "tg_table_schema": "name",
}
_COLUMNS: Final = """
SELECT attname, format_type(atttypid, NULL)
FROM   pg_attribute
WHERE  attrelid = %s AND attnum > 0 AND NOT attisdropped
"""


def run_by(function: Function, database: Database) -> Who:
    """Who its statements are planned as."""
    if function.definer or (function.of_gate and not function.triggers):
        return "gate"
    return "runtime"


def variables(function: Function) -> set[str]:
    """The names of what it declares, beside its parameters."""
    return set(plpgsql.declared(function.body)) if function.language == "plpgsql" else set()


def texts(function: Function, database: Database) -> list[str]:
    """Its statements. Raises Unreadable."""
    types = dict(zip(function.names, function.types, strict=False))
    if function.language == "sql" and function.tree:
        return [_text(statement, function, types) for statement in _bound(function)]
    if function.language == "sql":
        return [_text(statement, function, types) for statement in split(tokens(function.body)) if statement]
    if function.language != "plpgsql":
        raise Unreadable(f"it is written in {function.language}")
    statements = plpgsql.statements(function.body)
    types = {**_ALWAYS, **types, **plpgsql.declared(function.body)}
    if not function.triggers:
        return [_text(statement, function, types) for statement in statements]
    found = []
    for table in function.triggers:
        row = database.rows(_COLUMNS, table)
        rows = {f"{which}.{name}": kind for which in ("new", "old") for name, kind in row}
        found += [_text(statement, function, {**types, **_IN_TRIGGERS, **rows}) for statement in statements]
    return list(dict.fromkeys(found))


def _bound(function: Function) -> list[list[Token]]:
    """The statements of a body as PostgreSQL shows it: RETURN expression, or BEGIN ATOMIC statement; ... END."""
    found = tokens(function.body)
    words = [n for n, token in enumerate(found) if token.kind != "space"]
    if function.is_expression:
        return [[Token("name", "SELECT"), *found[words[0] + 1 :]]]
    return [unit for unit in split(found[words[1] + 1 : words[-1]]) if unit]


def _text(statement: list[Token], function: Function, types: Mapping[str, str]) -> str:
    """With placeholders. PostgreSQL shows a parameter with its function's name in front wherever there are tables."""
    own = function.name.rpartition(".")[2]
    written, numbers = "", dict[str, int]()
    at = 0
    while at < len(statement):
        name, length = _name_at(statement, at)
        short = name.removeprefix(f"{own}.")
        if name and short in types and _stands_for_a_value(statement, at, length):
            number = numbers.setdefault(short, len(numbers) + 1)
            written += f"(${number})::{types[short]}"
        else:
            written += "".join(token.text for token in statement[at : at + length])
        at += length
    return written


def _name_at(statement: list[Token], at: int) -> tuple[str, int]:
    """The name with its dots that begins here, folded as PostgreSQL does, and of how many tokens it is."""
    length = 1
    if statement[at].kind != "name":
        return "", 1
    while [token.text for token in statement[at + length : at + length + 1]] == ["."]:
        length += 2
    names = [token.text for token in statement[at : at + length : 2]]
    return ".".join(name[1:-1] if name[0] == '"' else name.lower() for name in names), length


def _stands_for_a_value(statement: list[Token], at: int, length: int) -> bool:
    """Not what is called, named by AS or given by its name (=>)."""
    before = [token.word for token in statement[:at] if token.kind != "space"][-1:]
    after = [token.text for token in statement[at + length :] if token.kind != "space"][:1]
    return before != ["AS"] and after not in (["("], ["=>"])
