"""PostgreSQL's own trees of what it has parsed, read from their text (its nodeToString).

They say what no description of a statement does: which side of an outer join a column comes from, which expression
fills it, which operators a condition uses. `analysed` asks for the tree of a statement; functions (prosqlbody),
policies (polqual) and views (ev_action) are kept as trees in the catalogue.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import psycopg

type Connection = psycopg.Connection[tuple[Any, ...]]

_TOKEN: Final = re.compile(r'\{\w+|:\w+|"(?:[^"\\]|\\.)*"|[(){}]|(?:\\.|[^\s(){}"\\])+', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_UTILITY: Final = 6
# What differs between two trees of the same thing.
_PLACES: Final = frozenset({"location", "stmt_location", "stmt_len"})


class Node(dict[str, Any]):
    """A node by its fields: nodes, lists, numbers, bools, texts, None, and bytes for the value of a constant."""

    def __init__(self, kind: str, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.kind = kind

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(f'{name}={value!r}' for name, value in self.items())})"

    def walk(self) -> "Iterator[Node]":
        """The node and every one below it, from the top."""
        yield self
        for value in self.values():
            yield from _walk(value)


def _walk(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield from value.walk()
    elif isinstance(value, list):
        for one in value:
            yield from _walk(one)


def same(one: Any, other: Any) -> bool:
    """Whether two trees say the same, wherever in a text each of them stood."""
    return bool(_bare(one) == _bare(other))


def _bare(value: Any) -> Any:
    if isinstance(value, Node):
        return value.kind, {name: _bare(one) for name, one in value.items() if name not in _PLACES}
    return [_bare(one) for one in value] if isinstance(value, list) else value


def read(text: str) -> Any:
    """The Node, or list of them, of a text. ValueError for what is no such text."""
    tokens = _TOKEN.findall(text)
    value, end = _value(tokens, 0)
    if end != len(tokens):
        raise ValueError(f"after the tree there is {tokens[end]!r}")
    return value


def _value(tokens: list[str], at: int) -> tuple[Any, int]:
    """The value that begins at a token, and the number of the token after it."""
    token = tokens[at]
    if token[0] == "{":
        return _node(tokens, at)
    if token == "(":
        return _list(tokens, at + 1)
    if tokens[at + 1 : at + 2] == ["["]:  # A datum: how many bytes, and these.
        end = tokens.index("]", at)
        return bytes(int(one) % 256 for one in tokens[at + 2 : end]), end + 1
    return _scalar(token), at + 1


def _node(tokens: list[str], at: int) -> tuple[Node, int]:
    kind, at = tokens[at][1:], at + 1
    fields: dict[str, Any] = {}
    while tokens[at] != "}":
        name = tokens[at][1:]
        if tokens[at + 1][0] == ":" or tokens[at + 1] == "}":  # A field without any value, as an array of none is.
            fields[name], at = None, at + 1
        else:
            fields[name], at = _value(tokens, at + 1)
    return Node(kind, fields), at + 1


def _list(tokens: list[str], at: int) -> tuple[list[Any], int]:
    found = []
    if tokens[at] in ("i", "o", "x", "b"):  # Numbers: integers, OIDs, transactions, the members of a set.
        at += 1
    while tokens[at] != ")":
        value, at = _value(tokens, at)
        found.append(value)
    return found, at + 1


def _scalar(token: str) -> Any:
    if token == "<>":
        return None
    if token in ("true", "false"):
        return token == "true"
    if token[0] == '"':
        return _ESCAPED.sub(r"\1", token[1:-1])
    try:
        return int(token)
    except ValueError:
        return _ESCAPED.sub(r"\1", token)


def analysed(connection: Connection, preparation: bytes) -> Node:
    """The QUERY of a statement that `preparation` (PREPARE) prepares, as PostgreSQL understands it before policies.

    The connection has a transaction open. Raises `psycopg.Error` where the statement cannot be prepared.
    """
    texts: list[str] = []

    def keep(notice: psycopg.errors.Diagnostic) -> None:
        if notice.message_primary == "parse tree:":
            texts.append(notice.message_detail or "")

    connection.add_notice_handler(keep)
    connection.execute(
        "SET LOCAL client_min_messages = log; SET LOCAL debug_pretty_print = off; SET LOCAL debug_print_parse = on"
    )
    try:
        connection.execute(preparation)
    finally:
        connection.remove_notice_handler(keep)
    connection.execute("SET LOCAL debug_print_parse = off; SET LOCAL client_min_messages = notice")
    # PREPARE is a statement itself, and shown first, with texts in it that may be broken anywhere.
    (query,) = [tree for tree in map(read, texts[1:]) if tree["commandType"] != _UTILITY]
    return query  # type: ignore[no-any-return]  # A statement is a QUERY.
