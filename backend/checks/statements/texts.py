"""What can be seen in the text of a statement alone."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from psycopg import ProgrammingError

from backend.checks.findings import Finding
from backend.checks.statements.reading import Statement
from queries._statements import parsed

_TOKEN: Final = re.compile(
    r"""(?P<skipped>--[^\n]*|/\*.*?\*/|\s+)
    |   (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |   (?P<word>\w+|%\(\w+\)s|.)
    """,
    re.DOTALL | re.VERBOSE,
)
_BEFORE: Final = frozenset({"SELECT", "RETURNING", "DISTINCT", "ALL", ",", "."})
_AFTER: Final = frozenset({"FROM", ",", ")", ""})


def check_text(statement: Statement) -> Iterator[Finding]:
    """Whether it is a constant, can be prepared by its form, and names its columns."""
    if wrong := _glued(statement):
        yield Finding(statement.file, statement.line, "glued", f"{statement.id} {wrong}", statement.id)
        return
    if not parsed(statement.text).preparable:
        sentence = f"{statement.id} travels spelled out, for it is not one SELECT, INSERT, UPDATE, DELETE or MERGE"
        yield Finding(statement.file, statement.line, "unpreparable", sentence, statement.id)
    for position in stars(statement.text):
        sentence = f"{statement.id} takes whatever columns there are with * and should name them"
        yield Finding(statement.file, statement.line_at(position), "star", sentence, statement.id)


def _glued(statement: Statement) -> str | None:
    """Why it is not a plain text that is written out, maybe as Cheap, and declared Final."""
    written = statement.written
    value = written.value
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Cheap" and len(value.args) == 1:
        (value,) = value.args
    if ast.unparse(written.annotation) != "Final":
        return "is not declared Final"
    if not isinstance(value, ast.Constant):
        return "is put together and not written out"
    try:
        parsed(statement.text)
    except ProgrammingError as error:
        return f"has another place for values than its parameters: {error}"
    return None


def stars(text: str) -> Iterator[int]:
    """Where in a text a `*` stands for columns: not in count(*), and not where it multiplies."""
    tokens = [(one[0].upper(), one.start()) for one in _TOKEN.finditer(text) if not one["skipped"]]
    tokens = [("", 0), *tokens, ("", len(text))]
    for (before, _), (token, at), (after, _) in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token == "*" and before != "(" and (before in _BEFORE or after in _AFTER):
            yield at
