"""Every statement there is, found by reading the modules of `queries`, and how each is used."""

import ast
import inspect
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, get_origin

from msgspec import Struct

import queries
from backend.checks.findings import shown
from backend.checks.importing import module_of

# What the owner runs; everything else is the API's.
OWNERS: Final = {"queries.operators"}
# The ground floor itself: how statements travel, and what travels in front of each. It has no wishes of its own.
GROUND: Final = {
    "queries._arrays",
    "queries._connection",
    "queries._fetch",
    "queries._sharing",
    "queries._statements",
    "queries.claim",
    "queries.context",
    "queries.versioned",
}
FETCHES: Final = {"fetch_all", "fetch_one", "fetch_optional"}
RUNS: Final = FETCHES | {"execute"}


class Call(Struct, frozen=True):
    """Where a statement is used: `shape` is the expression of the Struct, None where there are no rows."""

    function: ast.FunctionDef | ast.AsyncFunctionDef
    statement: ast.expr
    shape: ast.expr | None
    arguments: list[ast.keyword]
    line: int
    fetch: str = "execute"

    @property
    def keywords(self) -> list[str | None]:
        return [one.arg for one in self.arguments]


class Statement(Struct, frozen=True):
    """A constant of a module, the line that it begins in, and its uses."""

    module: str
    name: str
    text: str
    line: int
    calls: list[Call]
    text_line: int  # The one that the text begins in.
    written: ast.AnnAssign

    def line_at(self, position: int) -> int:
        """The line of a character of the text, counted from 0."""
        return self.text_line + self.text.count("\n", 0, position)

    @property
    def id(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def file(self) -> str:
        return file_of(import_module(self.module))

    @property
    def who(self) -> Literal["runtime", "owner"]:
        """Who runs it."""
        return "owner" if self.module in OWNERS else "runtime"

    @property
    def namespace(self) -> ModuleType:
        """Where the names in it and around it mean something."""
        return import_module(self.module)

    @property
    def call(self) -> Call:
        (only,) = self.calls
        return only

    @property
    def shape(self) -> type[Struct] | None:
        """The Struct that its one use fills."""
        return self.shape_of(self.call)

    def shape_of(self, call: Call) -> type[Struct] | None:
        """The Struct that is filled, maybe one with parameters: Versioned[Item]. Raises TypeError for anything else."""
        if call.shape is None:
            return None
        try:
            found: Any = eval(ast.unparse(call.shape), vars(import_module(self.module)))  # noqa: S307  # Our own code.
        except (NameError, AttributeError):
            found = None  # A variable of the function.
        if not issubclass(get_origin(found) or found, Struct):
            raise TypeError(found)
        return found  # type: ignore[no-any-return]  # A Struct, or one with its parameters given.


@cache
def modules() -> list[ModuleType]:
    """Those that have statements, in whatever folder. Raises OperatorError for one that cannot be imported."""
    folder = Path(queries.__path__[0])
    parts = [file.relative_to(folder.parent).with_suffix("").parts for file in sorted(folder.rglob("*.py"))]
    names = [".".join(one).removesuffix(".__init__") for one in parts]
    return [module_of(name) for name in names if name not in GROUND]


def file_of(module: ModuleType) -> str:
    """As findings name it."""
    return shown(Path(module.__file__ or ""))


@cache
def tree_of(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def calls_of(module: ModuleType) -> list[Call]:
    """Every fetch and execute of a module, in its functions: of one within another in the inner one."""
    found = {}
    for function in ast.walk(tree_of(module)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and is_plain(node):
                    name, (_, *shape, statement) = ast.unparse(node.func), node.args
                    shaped = shape[0] if shape else None
                    found[id(node)] = Call(function, statement, shaped, node.keywords, node.lineno, name)
    return list(found.values())


def is_plain(call: ast.Call) -> bool:
    """Whether it is fetch_...(conn, Shape, STATEMENT, value=...) or execute(conn, STATEMENT, value=...)."""
    if not isinstance(call.func, ast.Name) or call.func.id not in RUNS:
        return False
    wanted = 3 if call.func.id in FETCHES else 2
    return len(call.args) == wanted and not any(isinstance(one, ast.Starred) for one in call.args)


@cache
def statements() -> list[Statement]:
    """Those of every module."""
    return [one for module in modules() for one in statements_of(module)]


def statements_of(module: ModuleType) -> list[Statement]:
    """The module-level constants that are annotated and are text."""
    found, calls = [], calls_of(module)
    for node in tree_of(module).body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        name, text = node.target.id, getattr(module, node.target.id)
        if isinstance(text, str):
            uses = [call for call in calls if isinstance(call.statement, ast.Name) and call.statement.id == name]
            found.append(Statement(module.__name__, name, text, node.lineno, uses, _text_line(node), node))
    return found


def _text_line(node: ast.AnnAssign) -> int:
    return next((one.lineno for one in ast.walk(node) if isinstance(one, ast.Constant)), node.lineno)
