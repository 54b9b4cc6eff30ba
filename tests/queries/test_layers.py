"""Dependencies point down only: controllers, services, queries, PostgreSQL. Read from the imports themselves."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

import backend
import queries

ROOT: Final = Path(queries.__file__ or "").parents[1]

# Who talks to the operator on the command line, and so may refuse with an OperatorError.
OPERATORS: Final = {
    "backend.cli": "prints it",
    "backend.settings": "names what is wrong with the configuration",
    "backend.prestart": "says in one line why the database is not fit to be served from",
    "backend.server": "refuses a port that is taken",
    "backend.worker": "says in one line why an application cannot start",
    "backend.checks.allowances": "names what cannot be read in the list of what is allowed",
    "backend.checks.changes.contract": "names a document that cannot be read",
    "backend.checks.database": "`backend check`, where it cannot connect",
    "backend.checks.changes.migrations": "says why squawk failed",
    "backend.checks.changes.releases": "names a record of a release that cannot be read, or written",
    "backend.checks.importing": "names a module that cannot be imported",
    "backend.database.binaries": "PostgreSQL for development, which `serve` brings up",
    "backend.database.cluster": "as above",
    "backend.database.embedded": "as above",
    "backend.database.migrate": "`backend migrate`",
    "backend.database.refusals": "its refusals, in one line each",
    "backend.database.roles": "as above; names the GRANT that a DBA must run",
}
# Whoever runs SQL of his own, and why it is no statement of the API.
SPEAKERS: Final = {
    "backend.checks.database": "reads the catalogue, and is rolled back",
    "backend.checks.changes.releases": "prepares the statements of the last release, as who runs them",
    "backend.checks.statements.denials": "asks which right is missing",
    "backend.checks.statements.front": "runs what travels in front, and takes it back",
    "backend.checks.statements.preparing": "has statements prepared and planned, and runs none",
    "backend.checks.plans.planning": "explains statements, and is rolled back",
    "backend.checks.trees": "prepares statements to see how PostgreSQL understands them",
    "backend.database.embedded": "creates the owner and the database, as the superuser of a development server",
    "backend.database.migrate": "runs the migration files, as the owner",
    "backend.database.roles": "creates the roles, as the owner",
    "backend.database.pool": "sets the time zone of a connection that is opened",
}
CURSORS: Final = {"execute", "executemany", "cursor", "copy", "stream", "fetchone", "fetchall", "fetchmany"}


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES: Final = {name_of(file): file for top in ("backend", "queries") for file in sorted((ROOT / top).rglob("*.py"))}


@cache
def imports_of(module: str) -> frozenset[str]:
    """The full names of what it imports, also inside functions and for type checkers only."""
    return frozenset(_imports_of(module))


def _imports_of(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(FILES[module].read_bytes())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield str(node.module)
            yield from (f"{node.module}.{one.name}" for one in node.names)


def importers(module: str, within: str = "") -> set[str]:
    """Who imports a module or what lies below it."""
    return {
        name
        for name in FILES
        if name.startswith(within) and any(one == module or one.startswith(f"{module}.") for one in imports_of(name))
    }


def test_both_packages_are_read() -> None:
    assert {backend.__name__, queries.__name__} <= set(FILES)
    assert len(FILES) > 50


@pytest.mark.parametrize("module", [name for name in FILES if name.startswith("queries")])
def test_the_ground_floor_stands_on_psycopg_msgspec_and_the_standard_library(module: str) -> None:
    tops = {one.partition(".")[0] for one in imports_of(module)}
    assert tops - sys.stdlib_module_names <= {"psycopg", "msgspec", "queries"}


def test_no_controller_knows_the_driver() -> None:
    assert importers("psycopg", "backend.controllers") == set()
    assert importers("psycopg_pool", "backend.controllers") == set()


def test_no_service_knows_the_framework() -> None:
    assert importers("litestar", "backend.services") == set()


def test_nothing_below_knows_what_is_above() -> None:
    above = {name for name in FILES if name.startswith(("backend.controllers", "backend.documentation"))}
    assert importers("backend.controllers") <= {"backend.app"} | above
    for below in ("backend.database", "backend.security", "backend.contracts"):
        assert importers("backend.services", below) == set()
    assert importers("backend.app", "backend.") <= {name for name in FILES if name.startswith("backend.internal")}
    assert importers("tests") == set()


def test_what_the_operator_runs_is_imported_only_by_those_who_talk_to_him() -> None:
    def outside(target: str) -> set[str]:
        return {name for name in importers(target) if not name.startswith("backend.internal")}

    assert outside("backend.operators") == set(OPERATORS)
    assert outside("backend.internal") == set()


@pytest.mark.checklist(49)
def test_only_the_ground_floor_uses_cursors() -> None:
    speakers = set()
    for name, file in FILES.items():
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CURSORS:
                speakers.add(name)
    assert speakers == {"queries._fetch"} | set(SPEAKERS)
