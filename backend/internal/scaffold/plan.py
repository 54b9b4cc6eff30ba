"""Every file that a new resource brings or changes, rendered whole before the first one is written."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from backend.internal.scaffold import code, edits, sql, testing
from backend.internal.scaffold.layout import WIDTH
from backend.internal.scaffold.resource import Resource
from backend.operators import OperatorError

_CREATED: Final = re.compile(
    r"^\s*CREATE\s+(?:UNIQUE\s+|MATERIALIZED\s+|OR\s+REPLACE\s+)*(?:TABLE|VIEW|INDEX|SEQUENCE|TYPE)\s+(\w+)",
    re.IGNORECASE | re.MULTILINE,
)
_CHANGED: Final[dict[str, Callable[[str, Resource], str]]] = {
    "backend/app.py": edits.app,
    "backend/errors.py": edits.errors,
    "backend/documentation/examples.py": edits.examples,
    "CHANGELOG.md": edits.changelog,
}


class File(Struct, frozen=True):
    """`path` is relative to the checkout; `before` is None where there is nothing yet."""

    path: str
    before: str | None
    text: str

    @property
    def added(self) -> list[str]:
        """The lines that it has more than before."""
        before = set((self.before or "").splitlines())
        return [line for line in self.text.splitlines() if line.strip() and line not in before]


def planned(resource: Resource, root: Path) -> list[File]:
    """In the order in which one would write them by hand.

    Raises OperatorError with one line where something of this name is there already, or would be two things.
    """
    _refuse_no_checkout(root)
    migrations = root / "queries" / "migrations"
    _refuse_relation(resource, migrations)
    files = [*_new(resource, root, _next(migrations)), *_edited(resource, root)]
    for file in files:
        _refuse_broken(file)
    return files


def _new(resource: Resource, root: Path, number: int) -> Iterator[File]:
    name = resource.name
    migration = f"{number:04}_{name}.sql"
    for path, text in (
        (f"queries/migrations/{migration}", sql.migration(resource, migration)),
        (f"queries/{name}.py", code.queries(resource)),
        (f"backend/contracts/{name}.py", code.contract(resource)),
        (f"backend/controllers/{name}.py", code.controller(resource)),
        (f"tests/expected/{name}.py", testing.expected(resource)),
        (f"tests/api/test_{name}.py", testing.api_test(resource)),
    ):
        for taken in (root / path, (root / path).with_suffix("")):
            if taken.exists():
                raise OperatorError(f"{taken.relative_to(root)} is there already")
        yield File(path, None, text)


def _edited(resource: Resource, root: Path) -> Iterator[File]:
    for path, edit in _CHANGED.items():
        if (root / path).exists():
            before = (root / path).read_bytes().decode()
            end = "\r\n" if "\r\n" in before else "\n"  # As the checkout has them.
            if (text := edit(before.replace("\r\n", "\n"), resource).replace("\n", end)) != before:
                yield File(path, before, text)


def _refuse_no_checkout(root: Path) -> None:
    wanted = ("pyproject.toml", "queries/migrations", "tests/expected", "tests/api")
    if not all((root / one).exists() for one in wanted):
        raise OperatorError(f"a resource is written into a checkout, with its tests; {root} is none")


def _next(migrations: Path) -> int:
    return 1 + max(int(path.name.partition("_")[0]) for path in migrations.glob("[0-9]*_*.sql"))


def _refuse_relation(resource: Resource, migrations: Path) -> None:
    for path in sorted(migrations.glob("[0-9]*.sql")):
        if resource.name in _CREATED.findall(path.read_text()):
            raise OperatorError(f"{path.name} has {resource.name} already")


def _refuse_broken(file: File) -> None:
    """A name that a module would have twice, and a line that is too long: both come of the names that were chosen."""
    if not file.path.endswith(".py"):
        return
    bound: list[str] = []
    for node in ast.parse(file.text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound += [one.asname or one.name for one in node.names]
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            bound.append(node.name)
        else:
            bound += edits.assigned(node)
    if twice := [name for number, name in enumerate(bound) if name in bound[:number]]:
        raise OperatorError(f"{twice[0]} would be two things in {file.path}; take another name, or --singular")
    if any(len(line) > WIDTH for line in file.added):
        raise OperatorError(f"a line of {file.path} would be longer than {WIDTH} characters; take shorter names")
