"""Charts are drawn from figures alone: text that can be read, and the same bytes each time."""

import socket
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib", reason="the group bench is not installed")

from tests.benchmarks.bulk import outcome as bulk
from tests.benchmarks.bulk.client import Moved
from tests.benchmarks.bulk.memory import Sample
from tests.benchmarks.charts import bars, lines  # Imports matplotlib.
from tests.benchmarks.environment import Environment
from tests.benchmarks.outcome import Measured, Outcome, draw

SUBTITLE = "2026-11-23 · a processor, 2 cores"


def draw_bars(file: Path) -> None:
    groups = {"me": {"ours": 12_345.6, "theirs": 617.3}, "items": {"ours": 4_000.0, "theirs": 250.0}}
    bars(file, "Requests per second", SUBTITLE, groups, "req/s", {"me": {"theirs": "ratio 20.00"}})


def draw_lines(file: Path) -> None:
    series = {"1 worker": [(8.0, 3000.0), (1024.0, 2900.0)], "2 workers": [(8.0, 4500.0), (1024.0, 4400.0)]}
    lines(file, "Throughput", SUBTITLE, "connections", "requests per second", series, log_x=True)


def draw_outcome(file: Path) -> None:
    here = Environment("2026-11-23", "a processor", 2, {f"package {number}": "1.0" for number in range(20)})
    rounds = {
        "me": {
            "lodestar": [Measured(8_000, 3, 5.04, 100, 40)] * 2,
            "fastapi": [Measured(400, 70, 130, 2000, 300), Measured(200, 80, 150, 2000, 300)],
        }
    }
    draw(Outcome(here, 4, 32, rounds), file)


def draw_memory(file: Path) -> None:
    samples = [Sample(number / 10, 70 + number % 7, 15.0, 200.0) for number in range(300)]
    beside = bulk.Beside(Moved(1_000_000, 30.0), Moved(1_000_000, 20.0), samples)
    here = Environment("2026-11-23", "a processor", 2, {})
    bulk.draw(
        bulk.Outcome(here, 1_000_000, 2**27, 8, 5, samples[0], [bulk.Round(beside, beside, Moved(1000, 1.0))]), file
    )


def text_of(file: Path) -> str:
    return "\n".join(element.text or "" for element in ElementTree.parse(file).iter() if element.tag.endswith("}text"))


@pytest.mark.parametrize("chart", [draw_bars, draw_lines, draw_outcome, draw_memory])
def test_the_same_figures_give_the_same_small_file(chart: Callable[[Path], None], tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "new" / "second.svg"
    chart(first)
    chart(second)
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_bytes()) < 60_000
    assert socket.gethostname() not in first.read_text()


def test_bars_have_their_values_and_notes_beside_them(tmp_path: Path) -> None:
    draw_bars(tmp_path / "bars.svg")
    text = text_of(tmp_path / "bars.svg")
    for expected in ("Requests per second", SUBTITLE, "me", "theirs", "12,346 req/s", "617 req/s", "ratio 20.00"):
        assert expected in text


def test_a_logarithmic_axis_is_marked_where_something_was_measured(tmp_path: Path) -> None:
    draw_lines(tmp_path / "lines.svg")
    lines_of_text = text_of(tmp_path / "lines.svg").splitlines()
    assert {"8", "1,024", "connections", "1 worker", "2 workers"} <= set(lines_of_text)
    assert "100" not in lines_of_text


def test_the_comparison_says_when_where_and_by_how_much(tmp_path: Path) -> None:
    draw_outcome(tmp_path / "comparison.svg")
    text = text_of(tmp_path / "comparison.svg").replace("\N{NO-BREAK SPACE}", " ")
    for expected in ("2026-11-23 · a processor, 2 cores", "package 19 1.0", "32 connections, medians of 2 x 4 s"):
        assert expected in text
    for expected in ("Lodestar", "8,000 req/s", "p99 5.0 ms", "FastAPI + SQLModel", "ratio 30.00 · p99 140.0 ms"):
        assert expected in text


def test_no_line_of_a_subtitle_leaves_the_card(tmp_path: Path) -> None:
    draw_outcome(tmp_path / "comparison.svg")
    assert max(map(len, text_of(tmp_path / "comparison.svg").splitlines())) <= 115


def test_the_memory_of_a_long_transfer_is_drawn_by_its_peaks(tmp_path: Path) -> None:
    draw_memory(tmp_path / "memory.svg")
    text = text_of(tmp_path / "memory.svg")
    for expected in ("worker, import", "PostgreSQL, export", "MiB", "1,000,000 rows, 128 MiB of lines"):
        assert expected in text
