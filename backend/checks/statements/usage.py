"""One statement, one function, named for the wish; and each of both is used."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

import backend
from backend.checks.findings import Finding, shown
from backend.checks.statements.reading import (
    RUNS,
    Statement,
    calls_of,
    file_of,
    is_plain,
    modules,
    statements,
    tree_of,
)

_BACKEND: Final = Path(backend.__path__[0])
_DOOR: Final = "queries._fetch"
# Attributes by which a statement would go round what is looked at.
_PAST: Final = RUNS | {"run", "executemany", "cursor"}


def check_uses(statement: Statement) -> Iterator[Finding]:
    """Each statement is run by one function, whose name is that of the statement in lower case."""
    if not statement.calls:
        yield Finding(
            statement.file, statement.line, "unused-statement", f"no function runs {statement.id}", statement.id
        )
    names = list(dict.fromkeys(call.function.name for call in statement.calls))
    if len(statement.calls) > 1:
        sentence = f"{statement.id} is run in {len(statement.calls)} places: {', '.join(names)}"
        yield Finding(statement.file, statement.line, "several-functions", sentence, statement.id)
    for call in statement.calls:
        if call.function.name.upper() != statement.name:
            sentence = f"{call.function.name}() runs {statement.id}, and should have its name"
            yield Finding(statement.file, call.line, "misnamed", sentence, statement.id)


def check_modules() -> Iterator[Finding]:
    """What is run is a constant, and each function is called from somewhere in the backend."""
    declared = {(one.module, one.name) for one in statements()}
    for module in modules():
        yield from undeclared(module, declared)
        yield from run_otherwise(module)
        yield from uncalled(module, called())
    for file in sorted(_BACKEND.rglob("*.py")):
        yield from run_outside(ast.parse(file.read_bytes()), shown(file))


def undeclared(module: ModuleType, declared: set[tuple[str, str]]) -> Iterator[Finding]:
    """What a module runs that is no constant of its own, declared Final."""
    for call in calls_of(module):
        written = ast.unparse(call.statement)
        if not isinstance(call.statement, ast.Name) or (module.__name__, written) not in declared:
            sentence = f"{call.function.name}() runs {written}, which is no statement that is written out beside it"
            yield Finding(file_of(module), call.line, "glued", sentence, f"{module.__name__}.{call.function.name}")


def run_otherwise(module: ModuleType) -> Iterator[Finding]:
    """What of a module reaches the database in another way than the one that is looked at."""
    nodes = list(ast.walk(tree_of(module)))
    plain = {id(node.func) for node in nodes if isinstance(node, ast.Call) and is_plain(node)}
    for node in nodes:
        renamed = isinstance(node, ast.alias) and node.name in RUNS and node.asname not in (None, node.name)
        named = isinstance(node, ast.Name) and node.id in RUNS and id(node) not in plain
        past = isinstance(node, ast.Attribute) and node.attr in _PAST
        if isinstance(node, ast.alias | ast.Name | ast.Attribute) and (renamed or named or past):
            sentence = f"{ast.unparse(node)} is not run as fetch_...(conn, Shape, STATEMENT, value=...) or execute(...)"
            yield Finding(file_of(module), node.lineno, "run-otherwise", sentence, module.__name__)


def run_outside(tree: ast.Module, file: str) -> Iterator[Finding]:
    """What of the backend runs statements that are in no module of `queries`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == _DOOR and RUNS & {one.name for one in node.names}:
            yield Finding(file, node.lineno, "run-otherwise", f"{file} runs statements outside of queries/", file)


def uncalled(module: ModuleType, names: frozenset[str]) -> Iterator[Finding]:
    """Functions of a module that are not among those names."""
    for node in tree_of(module).body:
        name = f"{module.__name__}.{getattr(node, 'name', '')}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and name not in names:
            yield Finding(file_of(module), node.lineno, "unused-function", f"nothing in backend/ uses {name}", name)


@cache
def called() -> frozenset[str]:
    """The full names that the modules of the backend use: of what they import, and of what is in that."""
    return frozenset(name for file in sorted(_BACKEND.rglob("*.py")) for name in _named(ast.parse(file.read_bytes())))


def _named(tree: ast.Module) -> Iterator[str]:
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            imported |= {one.asname: one.name for one in node.names if one.asname}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in imported:
            yield imported[node.id]
        elif isinstance(node, ast.Attribute):
            owner, _, rest = ast.unparse(node).partition(".")
            yield f"{imported.get(owner, owner)}.{rest}"
