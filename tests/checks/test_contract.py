"""The committed OpenAPI document is the one of the routes, and says where it is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backend.checks.allowances import Skipped
from backend.checks.changes import contract
from backend.checks.changes.pointers import escaped, line_at, lines_of
from backend.internal.openapi import document_of_the_routes
from backend.operators import OperatorError

ITEM = "/components/schemas/Item/properties"


@pytest.fixture(scope="module")
def document() -> bytes:
    return document_of_the_routes()


@pytest.fixture
def committed(document: bytes, tmp_path: Path) -> Path:
    file = tmp_path / "openapi.json"
    file.write_bytes(document)
    return file


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    found = msgspec.json.decode(file.read_bytes())
    change(found)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")


def test_what_is_committed_is_what_is_served_and_breaks_nobody(document: bytes) -> None:
    skipped: Skipped = {}
    assert list(contract.check(document, skipped)) == []
    assert skipped == {}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda it: it["components"]["schemas"]["Item"]["properties"]["title"].update(type="x"), f"{ITEM}/title/type"),
        (lambda it: it["components"]["schemas"]["Item"]["properties"].pop("title"), f"{ITEM}/title"),
        (lambda it: it["components"]["schemas"]["Item"]["properties"].update(a={}), f"{ITEM}/a"),
        (lambda it: it["paths"].pop("/v1/items"), "/paths/~1v1~1items"),
        (lambda it: it["tags"].pop(), "/tags"),
        (lambda it: it["tags"][2].update(name="x"), "/tags/2/name"),
    ],
)
def test_the_first_difference_is_named_by_line_and_pointer(
    document: bytes, committed: Path, change: Callable[[dict[str, Any]], object], pointer: str
) -> None:
    edit(committed, change)
    (found,) = contract.check(document, {}, committed)
    assert found.code == "contract"
    assert found.sentence == f"is not what the routes are at {pointer}; run backend openapi"
    lines = lines_of(committed.read_text())
    assert found.line == line_at(pointer, lines)
    assert found.line > 1


def test_the_same_in_another_form_is_not_what_is_written(document: bytes, committed: Path) -> None:
    committed.write_bytes(msgspec.json.format(document, indent=4))
    assert [one.sentence for one in contract.check(document, {}, committed)] == [
        "is in another form; run backend openapi"
    ]


def test_a_document_that_is_missing_is_found_and_a_damaged_one_refused(document: bytes, committed: Path) -> None:
    committed.unlink()
    assert [str(one) for one in contract.check(document, {}, committed)] == [
        f"{committed}:1: contract: is not there; run backend openapi"
    ]
    committed.write_text('{"openapi": ')
    with pytest.raises(OperatorError, match=r"openapi\.json cannot be read: "):
        list(contract.check(document, {}, committed))


def test_what_breaks_the_last_release_is_named_where_it_stands_now(
    document: bytes, committed: Path, tmp_path: Path
) -> None:
    released = tmp_path / "released.json"
    released.write_bytes(document)

    def add(it: dict[str, Any]) -> None:
        it["components"]["schemas"]["Item"]["properties"]["colour"] = {"type": "string"}
        it["components"]["schemas"]["Item"]["properties"]["title"]["maxLength"] = 3
        it["paths"]["/v1/gone"] = it["paths"]["/v1/items"]

    edit(released, add)
    gone, bound, path = sorted(contract.check(document, {}, committed, released), key=lambda one: one.of)
    assert [one.of for one in (gone, bound, path)] == [f"{ITEM}/colour", f"{ITEM}/title", "/paths/~1v1~1gone"]
    lines = committed.read_text().splitlines()
    assert lines[gone.line - 1].strip() == '"properties": {'
    assert lines[bound.line - 1].strip() == '"title": {'
    assert bound.sentence == f"in answers maxLength is not bounded, and was 3 ({ITEM}/title)"
    assert lines[path.line - 1].strip() == '"paths": {'


def test_without_documents_that_is_said(
    document: bytes, committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped: Skipped = {}
    assert list(contract.check(document, skipped, committed, tmp_path / "none")) == []
    assert set(skipped) == {"breaking"}
    monkeypatch.setattr(contract, "_CHECKOUT", tmp_path / "none")
    assert list(contract.check(document, skipped)) == []
    assert set(skipped) == {"breaking", "contract"}


def test_every_value_has_a_line(committed: Path) -> None:
    def pointers(value: Any, pointer: str = "") -> list[str]:
        found = [pointer]
        for key, one in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            found += pointers(one, f"{pointer}/{escaped(key)}")
        return found

    lines = lines_of(committed.read_text())
    assert set(lines) == set(pointers(msgspec.json.decode(committed.read_bytes())))
    assert lines_of('{"a": {},\n "b/~": [1,\n {"x": [[],\n 2]}, "{"],\n "z": null}') == {
        "": 1,
        "/a": 1,
        "/b~1~0": 2,
        "/b~1~0/0": 2,
        "/b~1~0/1": 3,
        "/b~1~0/1/x": 3,
        "/b~1~0/1/x/0": 3,
        "/b~1~0/1/x/1": 4,
        "/b~1~0/2": 4,
        "/z": 5,
    }
