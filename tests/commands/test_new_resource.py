"""`backend new resource`: all that belongs to a resource, or one line and nothing written."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from backend.internal import scaffolding
from backend.internal.scaffold import writing
from backend.internal.scaffold.plan import File, planned
from backend.internal.scaffold.resource import Resource
from backend.internal.scaffold.writing import written
from backend.operators import OperatorError
from tests.commands.typed import refused, typed

ROOT: Final = Path(__file__).resolve().parents[2]
ZITHERS: Final = ["zithers", "title:text:unique", "pages:int", "published_on:date:optional"]
NEW: Final = [
    "queries/zithers.py",
    "backend/contracts/zithers.py",
    "backend/controllers/zithers.py",
    "tests/expected/zithers.py",
    "tests/api/test_zithers.py",
]
# Of what walks every route, table, statement and type, and so the new ones too: enough for a minute.
CATALOGUE: Final = [
    "tests/queries/test_roles.py",
    "tests/checks/test_statements.py",
    "tests/security/test_routes.py",
    "tests/queries/test_round_trips.py::test_a_route_costs[POST /v1/zithers: 1]",
    "tests/queries/test_round_trips.py::test_a_route_costs[PATCH /v1/zithers/{zither_id}: 1]",
    "tests/api/test_documentation.py",
    "tests/unit/test_errors.py::test_every_line_of_the_tables_is_provoked",
    "tests/unit/test_errors.py::test_what_is_unique_in_a_resource_is_a_constraint_and_has_its_refusal",
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this one: what git has in it, and what it would take in."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def here(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy is what the command writes into."""
    monkeypatch.setattr(scaffolding, "ROOT", checkout)
    return checkout


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def unchanged(here: Path) -> Iterator[None]:
    before = contents(here)
    yield
    assert contents(here) == before


def run(checkout: Path, *words: str) -> str:
    """What a command says in the copy, whose packages come before the installed ones."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    environment["PYTHONPATH"] = str(checkout)
    ran = subprocess.run(words, cwd=checkout, env=environment, check=False, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    return ran.stdout


def test_a_new_resource_is_whole(checkout: Path) -> None:
    """Formatted, typed, and as its own test and those of the catalogue want it, in a PostgreSQL of its own."""
    said = run(checkout, sys.executable, "-m", "backend", "new", "resource", *ZITHERS).splitlines()
    (migration,) = [line for line in said if line.startswith("queries/migrations/")]
    assert {*NEW, migration} <= set(said)
    tools = Path(sys.executable).parent
    files = [*NEW, "backend/app.py", "backend/errors.py", "backend/documentation/examples.py"]
    run(checkout, str(tools / "ruff"), "check", *files)
    run(checkout, str(tools / "ruff"), "format", "--check", *files)
    run(checkout, sys.executable, "-m", "mypy", *NEW)
    assert " passed" in run(
        checkout, sys.executable, "-m", "pytest", "-q", "-n", "0", "tests/api/test_zithers.py", *CATALOGUE
    )


def test_a_dry_run_shows_a_tree_and_writes_nothing(here: Path, unchanged: None) -> None:
    said = typed("new", "resource", "--dry-run", *ZITHERS)
    assert (said.status, said.error) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "/v1/zithers, each a Zither"
    for wanted in (*NEW, "ZitherController,", '"zithers_owner_id_title_key": ZitherTitleTaken,', "backend/app.py"):
        assert any(wanted in line for line in lines), wanted


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["items", "title:text"], "/v1/items is an address already"),
        (["login", "title:text", "--singular", "attempt"], "/v1/login is an address already"),
        (["throttles", "title:text"], "0004_throttles.sql has throttles already"),
        (["sessions_of", "title:text", "--singular", "session"], "Session is a type of the API already"),
        (["pages", "title:text"], "backend/contracts/pages.py is there already"),
        (["answers", "title:text"], "Answer would be two things in"),
        (["idempotency", "title:text", "--singular", "promise"], "tests/expected/idempotency.py is there already"),
        (["migrations", "title:text"], "queries/migrations is there already"),
        (["cases", "title:text"], "its singular cannot be told from it"),
        (["zithers", "title:varchar"], "there is no type 'varchar'"),
        (["zithers", "order:int"], "the field order is a reserved word of SQL"),
        (["zithers"], "a resource has at least one field"),
        (["emails", "title:text", f"{'a' * 40}:text:optional"], "would be longer than 120 characters"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_written(
    here: Path, unchanged: None, words: list[str], reason: str
) -> None:
    assert reason in refused("new", "resource", *words)


def test_without_a_checkout_there_is_nowhere_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaffolding, "ROOT", tmp_path)
    assert refused("new", "resource", *ZITHERS).startswith("a resource is written into a checkout")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["backend.app", "backend.documentation.document"])
def test_an_application_that_is_broken_is_one_line(
    unchanged: None, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert refused("new", "resource", *ZITHERS).startswith("the application does not start as it is: ")


def test_twice_is_once_too_often(here: Path) -> None:
    written(planned(Resource.of(ZITHERS[0], ZITHERS[1:]), here), here)
    before = contents(here)
    assert "has zithers already" in refused("new", "resource", *ZITHERS)
    assert contents(here) == before


@pytest.mark.parametrize("after", range(10))
def test_a_failure_in_the_middle_takes_back_what_was_written(
    here: Path, unchanged: None, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = planned(Resource.of(ZITHERS[0], ZITHERS[1:]), here)
    replace, left = Path.replace, [after]

    def failing(path: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] == -1:
            raise OSError(28, "No space left on device", str(target))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OperatorError, match="nothing was written: No space left on device"):
        written(files, here)


def test_what_would_not_start_is_taken_back(here: Path, unchanged: None) -> None:
    files = planned(Resource.of(ZITHERS[0], ZITHERS[1:]), here)
    assert files[2].path == "backend/contracts/zithers.py"
    broken = [*files[:2], File(files[2].path, None, "1 / 0\n"), *files[3:]]
    with pytest.raises(OperatorError, match=r"would not start with it: .*ZeroDivisionError"):
        written(broken, here)


def test_what_is_saved_while_it_is_tried_is_not_taken_back(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = here / "backend/app.py"

    def interrupted(_: Path) -> bytes:
        app.write_text("# Saved meanwhile.\n")
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "_document", interrupted)
    before = contents(here) | {"backend/app.py": b"# Saved meanwhile.\n"}
    with pytest.raises(KeyboardInterrupt):
        written(planned(Resource.of(ZITHERS[0], ZITHERS[1:]), here), here)
    assert contents(here) == before


def test_lines_end_as_they_did(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_document", lambda _: b"{}\n")
    app = here / "backend/app.py"
    app.write_bytes(app.read_bytes().replace(b"\n", b"\r\n"))
    written(planned(Resource.of(ZITHERS[0], ZITHERS[1:]), here), here)
    text = app.read_bytes()
    assert b"    ZitherController,\r\n" in text
    assert text.count(b"\r\n") == text.count(b"\n")


def test_what_changed_meanwhile_is_left_as_it_is(here: Path) -> None:
    files = planned(Resource.of(ZITHERS[0], ZITHERS[1:]), here)
    app = here / "backend/app.py"
    app.write_text(app.read_text() + "# Meanwhile.\n")
    before = contents(here)
    with pytest.raises(OperatorError, match=r"backend/app\.py has changed meanwhile"):
        written(files, here)
    assert contents(here) == before


def test_a_committed_document_is_written_anew(here: Path) -> None:
    (here / "openapi.json").write_text("{}\n")
    assert "openapi.json" in written(planned(Resource.of(ZITHERS[0], ZITHERS[1:]), here), here)
    assert '"/v1/zithers/{zither_id}"' in (here / "openapi.json").read_text()
