"""What is documented and reached by no test is named, and so is a reason that is needed no more."""

import os
import subprocess
import sys
from pathlib import Path
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


ROOT: Final = Path(reached.__file__).parents[1]
# A suite of two tests that reaches everything, or, without the second one, everything but one answer.
SUITE: Final = """
import pytest
from tests.documented import REACHED, Reached, whole_document
from tests.reached import _documented

@pytest.mark.parametrize("last", [False, True])
def test_sees(last):
    said = sorted(_documented(whole_document()), key=lambda one: one[2] == "")
    for route, status, code in said[-1:] if last else said[:-1]:
        REACHED.add(Reached(*route.split(), status, code))
"""


def outcome(folder: Path, *given: str) -> tuple[int, bool]:
    """The exit status of a run with a worker, and whether it said what was not reached."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "xdist",
        "-p",
        "tests.reached",
        "-p",
        "no:cacheprovider",
        "-n",
        "1",
        *given,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return run.returncode, "documented, and reached by no test" in run.stdout


def test_a_run_of_the_whole_suite_fails_when_something_was_not_reached_and_a_narrower_one_does_not(
    tmp_path: Path,
) -> None:
    tests = tmp_path / "tests_of_it"
    tests.mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests_of_it\n")
    suite = tests / "test_it.py"
    suite.write_text(SUITE)
    assert outcome(tmp_path) == (0, False)
    suite.write_text(SUITE.replace("[False, True]", "[False]"))
    assert outcome(tmp_path) == (1, True)
    assert outcome(tmp_path, "-k", "sees") == (0, False)
