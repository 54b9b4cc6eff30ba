"""The arithmetic of a comparison, on figures that are fixed."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from backend.operators import OperatorError
from tests.benchmarks.environment import Environment, environment
from tests.benchmarks.loading import Load
from tests.benchmarks.measuring import Ratio, cpu_seconds, ratio, tree
from tests.benchmarks.outcome import Measured, Outcome, middle, summary_of, table, write
from tests.benchmarks.scenarios import SCENARIOS, fault_of

OURS = [Measured(8000, 3.0, 5.0, 100, 40), Measured(4000, 6.0, 9.0, 200, 80), Measured(9000, 2.0, 8.0, 90, 60)]
THEIRS = [Measured(400, 70, 130, 2000, 300), Measured(400, 60, 100, 1900, 280), Measured(300, 90, 150, 2200, 350)]
BURN = "import sys, time\nwhile time.process_time() < 0.1: pass"


def test_a_ratio_is_taken_pair_by_pair() -> None:
    assert ratio([8000, 4000, 9000], [400, 400, 300]) == Ratio(median=20, least=10, most=30)
    with pytest.raises(ValueError, match="shorter"):
        ratio([1, 2], [1])


def test_each_figure_has_its_own_median() -> None:
    assert middle(OURS) == Measured(8000, 3.0, 8.0, 100, 60)


def test_the_table_has_a_line_for_each_server() -> None:
    _, ours, theirs = table("me", summary_of({"lodestar": OURS, "fastapi": THEIRS}))
    assert ours.split() == ["lodestar", "8000", "3.0", "8.0", "100", "60"]
    assert theirs.split() == ["fastapi", "400", "70.0", "130.0", "2000", "300", "20.00", "(10.00", "to", "30.00)"]


def test_the_file_has_every_round_and_what_comes_of_them(tmp_path: Path) -> None:
    here = Environment("2026-11-23", "a processor", 2, {"Python": "3.13.0"})
    write(Outcome(here, 4, 32, {"me": {"lodestar": OURS, "fastapi": THEIRS}}), tmp_path / "figures.json")
    figures = msgspec.json.decode((tmp_path / "figures.json").read_bytes())
    assert figures["environment"]["versions"] == {"Python": "3.13.0"}
    assert [one["p99_ms"] for one in figures["rounds"]["me"]["fastapi"]] == [130, 100, 150]
    assert figures["summary"]["me"]["fastapi"]["median"]["p99_ms"] == 130
    assert figures["summary"]["me"]["fastapi"]["ours"] == [20, 10, 30]


def test_a_witness_wants_all_rows_of_the_caller_and_no_other() -> None:
    mine, foreign = {"owner_id": "ada"}, {"owner_id": "bob"}
    items = SCENARIOS["items"]
    assert fault_of(items, "ada", {"items": [mine] * 20}) == ""
    assert fault_of(items, "ada", {"items": [mine] * 19}) == "19 rows of ada for ada"
    assert fault_of(items, "ada", {"items": [mine] * 19 + [foreign]}) == "20 rows of ada, bob for ada"
    assert fault_of(SCENARIOS["me"], "ada", {"id": "ada"}) == ""
    assert fault_of(SCENARIOS["me"], "ada", {"id": "bob"}) == "1 rows of bob for ada"
    assert fault_of(SCENARIOS["create"], "ada", foreign) == "1 rows of bob for ada"


@pytest.mark.parametrize(("refused", "broken", "requests"), [(1, 0, 9), (0, 1, 9), (0, 0, 0)])
def test_a_load_with_a_failed_request_is_no_measure(refused: int, broken: int, requests: int) -> None:
    Load(9, 1.0, 1.0, 1.0, 0, 0).check()
    with pytest.raises(OperatorError):
        Load(requests, 1.0, 1.0, 1.0, refused, broken).check()


def test_the_time_of_a_process_tree_includes_children_also_when_they_have_ended() -> None:
    before = cpu_seconds([os.getpid()])
    with subprocess.Popen([sys.executable, "-c", f"{BURN}\nsys.stdin.read()"], stdin=subprocess.PIPE) as child:
        assert child.pid in tree(os.getpid())
    assert child.pid not in tree(os.getpid())
    assert cpu_seconds([os.getpid()]) - before >= 0.05


def test_an_environment_names_versions_and_the_processor() -> None:
    here = environment(PostgreSQL="18.6")
    assert {"Python", "litestar", "granian", "PostgreSQL"} <= set(here.versions)
    assert here.cpu
    assert here.cores >= 1
