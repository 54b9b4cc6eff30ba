"""What is documented and reached by no test is named, and so is a reason that is needed no more."""

from typing import Any, Final

import pytest

from tests import reached
from tests.documented import Reached
from tests.reached import unreached

REFUSED: Final = {"application/problem+json": {"examples": {"not_found": {}, "overloaded": {}}}}
DOCUMENT: Final[dict[str, Any]] = {
    "paths": {
        "/lenses": {
            "get": {"responses": {"200": {}, "404": {"content": REFUSED}}},
            "delete": {"responses": {"204": {}}},
        }
    }
}
ALL: Final = {
    Reached("GET", "/lenses", 200),
    Reached("GET", "/lenses", 404, "not_found"),
    Reached("GET", "/elsewhere", 503, "overloaded"),
    Reached("DELETE", "/lenses", 204),
}


def test_what_has_been_reached_is_not_named() -> None:
    assert list(unreached(DOCUMENT, ALL)) == []


@pytest.mark.parametrize("left_out", sorted(ALL), ids=lambda one: one.code or one.method)
def test_what_no_test_has_reached_is_named(left_out: Reached) -> None:
    """A code that stands before every handler counts for all of them, wherever it was seen; any other for its route."""
    code = left_out.code
    status = 404 if code else left_out.status
    method = left_out.method
    assert list(unreached(DOCUMENT, ALL - {left_out})) == [f"{method} /lenses: {status} {code}".rstrip()]


def test_a_head_reaches_nothing_for_its_get() -> None:
    by_head = {one._replace(method="HEAD") if one.status == 200 else one for one in ALL}
    assert list(unreached(DOCUMENT, by_head)) == ["GET /lenses: 200"]


def test_a_reason_stands_for_what_cannot_be_reached_and_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reached.UNREACHED, ("DELETE /lenses", 204, ""), "a reason")
    assert list(unreached(DOCUMENT, ALL - {Reached("DELETE", "/lenses", 204)})) == []
    assert list(unreached(DOCUMENT, ALL)) == ["DELETE /lenses: 204: is reached, or not documented, and needs no reason"]
    monkeypatch.setitem(reached.UNREACHED, ("PUT /lenses", 204, ""), "a reason")
    assert len(list(unreached(DOCUMENT, ALL))) == 2
