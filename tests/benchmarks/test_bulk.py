"""The measurement of import, export and batch, in a short form, and its arithmetic on figures that are fixed."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from backend.operators import OperatorError
from tests.benchmarks.bulk.client import Moved
from tests.benchmarks.bulk.memory import Growth, Sample
from tests.benchmarks.bulk.moving import Mover
from tests.benchmarks.bulk.outcome import Beside, Outcome, Round, table, write
from tests.benchmarks.bulk.table import prepared
from tests.benchmarks.environment import Environment
from tests.process.running import ROOT

ROWS = 3000
HERE = Environment("2026-11-25", "a processor", 2, {})
FRESH = Sample(0.0, 66, 12, 150)
BEFORE, PEAK, AFTER = Sample(0.0, 70, 15, 180), Sample(0.1, 90, 45, 300), Sample(0.2, 80, 20, 310)


def a_round(**changed: Any) -> Round:
    imported = Beside(Moved(6000, 0.1), Moved(6000, 0.05), [BEFORE, PEAK, AFTER])
    exported = Beside(Moved(6000, 0.05), Moved(6000, 0.025), [BEFORE, AFTER])
    return replace(Round(imported, exported, Moved(60_000, 2.0)), **changed)


def outcome(*rounds: Round) -> Outcome:
    return Outcome(HERE, 6000, 500_000, 8, 2.0, FRESH, rounds or [a_round()])


def broken(*rounds: Round) -> list[str]:
    return [limit.name for limit in outcome(*rounds).limits() if not limit.kept]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What the command writes. Its status depends on the machine, and with few rows also on luck."""
    file = tmp_path_factory.mktemp("bulk") / "figures.json"
    command = [sys.executable, "-m", "tests.benchmarks.bulk", "--rows", str(ROWS), "--rounds", "1", "--seconds", "0.3"]
    done = subprocess.run([*command, "--json", str(file)], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.stderr == ""
    written: Mapping[str, Any] = msgspec.json.decode(file.read_bytes())
    return written


def test_all_rows_come_and_go_through_the_api_and_through_psql(figures: Mapping[str, Any]) -> None:
    (only,) = figures["rounds"]
    for way in ("imported", "exported"):
        assert [only[way][who]["rows"] for who in ("ours", "psql")] == [ROWS, ROWS]
        assert len(only[way]["memory"]) >= 2
        assert all(sample[whose] > 0 for sample in only[way]["memory"] for whose in Sample.__struct_fields__[1:])
    assert only["batched"]["rows"] >= 8 * 1000
    assert only["batched"]["rows"] % 1000 == 0


def test_the_file_says_what_was_measured_where_and_against_which_targets(figures: Mapping[str, Any]) -> None:
    assert [figures[name] for name in ("rows", "connections", "seconds")] == [ROWS, 8, 0.3]
    assert figures["fresh"]["worker"] > 0
    assert figures["bytes"] > ROWS * len('{"title":""}')
    assert {"Python", "litestar", "psycopg", "granian", "PostgreSQL"} <= set(figures["environment"]["versions"])
    assert set(figures["summary"]) == {"import", "export", "batch"}
    assert [target["limit"] for target in figures["targets"]] == [0.5, 0.4, 50, 50, 50, 50, 30_000]


def test_a_number_of_rows_that_cannot_be_is_refused_in_one_line() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.bulk", "--rows", "0"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("bulk: ")


def test_growth_is_the_most_of_each_minus_what_there_was_before() -> None:
    assert Growth.of([BEFORE, PEAK, AFTER]) == Growth(worker=20, postgres_private=30, postgres=130)
    assert Growth.of([BEFORE]) == Growth(0, 0, 0)


def test_a_share_of_psql_is_taken_round_by_round_and_growth_is_that_of_the_worst() -> None:
    slow = a_round(imported=Beside(Moved(6000, 0.4), Moved(6000, 0.1), [BEFORE, AFTER]))
    imported = outcome(a_round(), slow).imported
    assert (imported.of_psql.least, imported.of_psql.most) == (0.25, 0.5)
    assert (imported.rows_per_second, imported.growth.worker) == (37_500, 20)


@pytest.mark.parametrize(
    ("changed", "limit"),
    [
        ({"imported": Beside(Moved(60, 0.11), Moved(60, 0.05), [BEFORE])}, r"import, rows/s of \copy"),
        ({"exported": Beside(Moved(60, 0.13), Moved(60, 0.05), [BEFORE])}, "export, rows/s of COPY TO"),
        (
            {"imported": Beside(Moved(60, 0.1), Moved(60, 0.05), [BEFORE, replace(BEFORE, worker=121)])},
            "import, MiB that the worker grew",
        ),
        (
            {"exported": Beside(Moved(60, 0.1), Moved(60, 0.05), [BEFORE, replace(BEFORE, postgres_private=66)])},
            "export, private MiB that PostgreSQL grew",
        ),
        ({"batched": Moved(29_000, 1.0)}, "batch, items/s"),
    ],
)
def test_each_target_can_be_missed(changed: dict[str, Any], limit: str) -> None:
    assert broken() == []
    assert broken(a_round(**changed)) == [limit]


def test_the_table_has_a_line_for_each_of_the_three_and_for_the_memory(tmp_path: Path) -> None:
    _, imported, exported, batched, memory = table(outcome())
    expected = ["import", "60000", "120000", "0.50", "(0.50", "to", "0.50)", "20.0", "30.0", "130.0"]
    assert imported.split() == expected
    assert exported.split()[:4] == ["export", "120000", "240000", "0.50"]
    assert batched.split() == ["batch", "30000", "by", "8", "connections"]
    assert memory == "MiB, fresh and at most: worker 66.0, 90.0; PostgreSQL private 12.0, 45.0"
    write(outcome(), tmp_path / "figures.json")
    assert msgspec.json.decode((tmp_path / "figures.json").read_bytes())["summary"]["import"]["of_psql"][0] == 0.5


def test_both_files_have_the_same_rows(tmp_path: Path) -> None:
    files = prepared(tmp_path, UUID(int=1), 5)
    lines = [msgspec.json.decode(line) for line in files.lines.read_bytes().splitlines()]
    copied = [line.split("\t") for line in files.copy.read_text().splitlines()]
    assert [[str(UUID(int=1)), line["title"], line.get("description", r"\N")] for line in lines] == copied
    assert [len(copied), len(msgspec.json.decode(files.batch.read_bytes()))] == [5, 1000]


class Emptier:
    """A table in which a row is missing."""

    def check(self, rows: int) -> None:
        raise OperatorError(f"{rows - 1} rows are in the table, where {rows} should be")


def test_a_row_that_is_missing_ends_it(tmp_path: Path) -> None:
    nobody: Any = None
    emptier: Any = Emptier()
    mover = Mover(nobody, nobody, emptier, prepared(tmp_path, UUID(int=1), 5), 1)
    with pytest.raises(OperatorError, match=r"^4 rows were moved, where there are 5$"):
        mover.check(Moved(4, 1.0))
    with pytest.raises(OperatorError, match=r"^4 rows are in the table, where 5 should be$"):
        mover.check(Moved(5, 1.0))
