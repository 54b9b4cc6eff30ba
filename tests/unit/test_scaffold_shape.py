"""The templates are held against items: what they make of `items title:text description:text:optional` is items' own.

So a change to a file of items fails here until its template follows.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from backend.internal.scaffold import code, sql, testing
from backend.internal.scaffold.fields import SUSPICIOUS
from backend.internal.scaffold.resource import Resource
from tests.security.attacks.foreign import FOREIGN

ROOT: Final = Path(__file__).resolve().parents[2]
ITEMS: Final = Resource.of("items", ["title:text", "description:text:optional"])

# What items has beyond what a new resource begins with, and where the two differ on purpose.
BEYOND: Final = {
    "queries/items.py": {
        "ADD_ONCE": "a new resource does not take Idempotency-Key",
        "add_once": "as above",
    },
    "backend/contracts/items.py": {
        "Order": "a new list has one order",
        "Search": "and no search",
        "NewItems": "a new resource takes one at a time",
        "Batch": "as above",
        "Imported": "as above",
    },
    "backend/controllers/items.py": {
        "ItemController.page": "items has orders and a search; a new list is that of administration",
        "ItemController.add": "items takes Idempotency-Key, and so has a service",
    },
}
# What a new contract has of its own: items shares these two with others, from `backend.contracts.text`.
SHARED: Final = {"Title", "Description"}


def definitions(text: str) -> dict[str, str]:
    """The classes, functions and constants of a module, and the methods of a controller, by name."""
    return dict(_definitions(ast.parse(text).body))


def _definitions(body: list[ast.stmt], within: str = "") -> Iterator[tuple[str, str]]:
    for node in body:
        match node:
            case ast.ClassDef() if "Controller" in ast.unparse(node.bases):
                yield from _definitions(node.body, f"{node.name}.")
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield f"{within}{node.name}", ast.unparse(node)
            case ast.Assign(targets=[ast.Name() as name]) | ast.AnnAssign(target=ast.Name() as name):
                yield f"{within}{name.id}", ast.unparse(node)


@pytest.mark.parametrize(
    ("path", "render"),
    [
        ("queries/items.py", code.queries),
        ("backend/contracts/items.py", code.contract),
        ("backend/controllers/items.py", code.controller),
    ],
)
def test_code_is_that_of_items_definition_by_definition(path: str, render: object) -> None:
    assert callable(render)
    theirs, ours = definitions((ROOT / path).read_text()), definitions(render(ITEMS))
    assert len(ours) > 3
    for name, reason in BEYOND[path].items():
        assert theirs.pop(name) != ours.pop(name, None), f"no longer beyond: {reason}"
    shared = definitions((ROOT / "backend/contracts/text.py").read_text())
    theirs |= {name: shared[name] for name in SHARED & ours.keys()}
    assert ours == theirs


def clauses(text: str) -> list[str]:
    """The statements of a migration without comments, each on one line."""
    bare = re.sub(r"--[^\n]*", "", text)
    return [" ".join(one.split()) for one in bare.split(";") if one.strip()]


def test_the_migration_is_that_of_items_statement_by_statement() -> None:
    folder = ROOT / "queries" / "migrations"
    first, later = ((folder / name).read_text() for name in ("0003_items.sql", "0007_versions.sql"))
    ours = clauses(sql.migration(ITEMS, "0003_items.sql"))
    theirs = clauses(first)
    # Items has its version since a later migration.
    column = "version bigint NOT NULL DEFAULT 1"
    assert f"ALTER TABLE items ADD COLUMN {column}" in clauses(later)
    theirs[0] = theirs[0].removesuffix(" )") + f", {column} )"
    counting = next(one for one in clauses(later) if one.startswith("CREATE TRIGGER items_version"))
    theirs.insert(3, counting)
    assert ours == theirs


def test_the_comments_of_the_migration_are_those_of_items() -> None:
    theirs = (ROOT / "queries/migrations/0003_items.sql").read_text()
    ours = sql.migration(ITEMS, "0003_items.sql")
    comments = [line.strip() for line in ours.splitlines() if "--" in line]
    own = ("-- Under the same condition", "version")  # As in 0007_versions.sql, in fewer words.
    kept = [line for line in comments if not line.startswith(own)]
    assert len(kept) == 4
    heading = kept.pop(0)
    assert theirs.startswith(heading.removesuffix("."))
    assert [line for line in kept if line not in theirs] == []


def test_what_the_catalogue_expects_of_a_new_resource_is_what_it_expects_of_items() -> None:
    theirs: dict[str, object] = {}
    exec((ROOT / "tests/expected/items.py").read_text(), theirs)
    ours: dict[str, object] = {}
    exec(testing.expected(ITEMS), ours)
    assert isinstance(ours["ROUTES"], dict)
    assert isinstance(theirs["ROUTES"], dict)
    for name, route in ours["ROUTES"].items():
        same = theirs["ROUTES"][name]
        assert (route.who, route.trips, route.cache) == (same.who, same.trips, same.cache)
    assert theirs["ROUTES"].keys() - ours["ROUTES"].keys() == {
        "POST /v1/items/batch",
        "POST /v1/items/import",
        "GET /v1/items/export",
    }
    assert ours["GRANTS"] == theirs["GRANTS"]


def test_what_the_attacks_find_suspicious_in_a_body_is_told_of_a_new_resource() -> None:
    own = {"id", "owner_id", "created_at", "updated_at", "version"}  # No field is called so.
    assert FOREIGN.keys() - own == SUSPICIOUS
    words = ["user_id:text", "is_active:bool", "item_id:uuid", "ref:uuid", "isbn_id:text"]
    made: dict[str, Any] = {}
    exec(testing.expected(Resource.of("books", words)), made)
    for route, takes in (("POST /v1/books", True), ("PATCH /v1/books/{book_id}", True), ("GET /v1/books", False)):
        assert made["ROUTES"][route].takes == ({"user_id", "is_active", "item_id"} if takes else set())


def test_the_controller_says_all_that_items_says_of_a_list_and_an_addition() -> None:
    """The two methods that differ are at least documented and refused alike."""
    ours = definitions(code.controller(ITEMS))
    theirs = definitions((ROOT / "backend/controllers/items.py").read_text())
    assert "raises=[InvalidCursor]" in ours["ItemController.page"]
    assert "raises=[InvalidCursor]" in theirs["ItemController.page"]
    for one in (ours, theirs):
        assert "response_headers=[LOCATION, ETAG" in one["ItemController.add"]
