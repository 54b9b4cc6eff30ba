"""The arithmetic behind the verdicts: percentiles, ratios, what is possible, and when a limit is broken."""

import math
from typing import Any

import pytest
from msgspec.structs import replace

from tests.benchmarks.environment import Environment
from tests.load import limits, overloads, storms
from tests.load.alone import Alone
from tests.load.commands import judged
from tests.load.figures import Answered, Limit, percentile
from tests.load.machine import Spent
from tests.load.openloop import Answer

FINE = Answered(completed=400, refused=0, failed=0, p50_ms=2.0, p99_ms=5.0)
HERE = Environment("2026-11-22", "a processor", 2, {})


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert [percentile(range(1, 101), part) for part in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([3, 1, 2], 99) == 3
    assert math.isnan(percentile([], 99))


def test_only_a_503_that_says_when_to_come_back_is_a_refusal() -> None:
    answers = [Answer(0, 0.004, 200, False), Answer(0, 0.001, 503, True), Answer(0, 0.001, 503, False)]
    answers += [Answer(0, math.inf, 0, False), Answer(0, 0.001, 500, True), Answer(0, 0.002, 201, False)]
    assert Answered.of(answers) == Answered(completed=2, refused=1, failed=3, p50_ms=2.0, p99_ms=4.0)


def test_a_limit_is_kept_up_to_its_value_and_never_by_nothing() -> None:
    assert Limit("x", 2.0, 2).kept
    assert not Limit("x", 2.1, 2).kept
    assert Limit("x", 0.9, 0.9, at_least=True).kept
    assert not Limit("x", 0.8, 0.9, at_least=True).kept
    assert not Limit("x", math.nan, 2).kept
    assert not Limit("x", math.nan, 2, at_least=True).kept
    assert [judged([Limit("x", 1, 2)]), judged([Limit("x", 1, 2), Limit("x", 3, 2), Limit("x", 3, 2)])] == [0, 1]


def a_storm(**changed: Any) -> storms.Storm:
    """Eight seconds on two cores, of which the hash threads had 10 CPU seconds and nobody 1; 220 hashes fit into 11."""
    storm = storms.Storm(
        alone=Alone(threads=2, hashes_per_second=40.0, cpu_seconds=0.05, cpu_seconds_single=0.04),
        seconds=8.0,
        quiet=FINE,
        stormy=replace(FINE, p99_ms=8.0),
        log_ins=Answered(completed=200, refused=3000, failed=0, p50_ms=400.0, p99_ms=600.0),
        starved=0,
        spent=Spent(hashing=10.0, serving=3.0, postgres=1.0, load=0.5, idle=1.0),
        peak_mib=140.0,
    )
    return replace(storm, **changed)


def broken(outcome: storms.Outcome | overloads.Outcome) -> list[str]:
    return [limit.name for limit in outcome.limits() if not limit.kept]


def test_what_is_possible_is_what_hash_threads_had_and_what_nobody_wanted() -> None:
    storm = a_storm()
    assert storm.possible == pytest.approx(220)
    assert storm.completed == pytest.approx(200 / 220)
    assert storm.hashes == pytest.approx(200)
    assert storm.times_slower == pytest.approx(1.6)


def test_idle_cores_that_no_hash_thread_could_take_make_nothing_possible() -> None:
    assert a_storm(spent=Spent(10, 3, 1, 0.5, idle=50)).possible == pytest.approx(2 * 8 / 0.05)


@pytest.mark.parametrize(
    ("changed", "limit"),
    [
        ({"stormy": replace(FINE, p99_ms=10.1)}, "p99 of items, stormy / quiet"),
        ({"spent": Spent(10, 3, 1, 0.5, idle=1.2)}, "log-ins, completed / possible"),
        ({"peak_mib": 159.0}, "most MiB of the worker and its hasher"),
        ({"stormy": replace(FINE, refused=1)}, "items that were refused"),
        ({"quiet": replace(FINE, failed=1)}, "answers that are neither a success nor a 503 with Retry-After"),
    ],
)
def test_each_limit_of_a_storm_can_be_broken(changed: dict[str, Any], limit: str) -> None:
    assert broken(storms.Outcome(HERE, 8, [a_storm()], 1.6, 0.9)) == []
    storm = a_storm(**changed)
    outcome = storms.Outcome(HERE, 8, [storm], storm.times_slower, storm.completed)
    assert broken(outcome) == [limit]


def offered(share: float, p99_ms: float, failed: int = 0) -> overloads.Offered:
    answered = replace(FINE, p99_ms=p99_ms, failed=failed)
    return overloads.Offered(share, 1000.0, 20.0, answered, 900.0, 0)


def test_overload_is_judged_by_the_median_over_its_rounds() -> None:
    rounds = [offered(0.8, 10), offered(2, 30), offered(0.8, 10), offered(2, 50), offered(0.8, 10), offered(2, 35)]
    points = [overloads.Point(1, connections, rate, 5, 0, 0) for connections, rate in ((8, 900), (64, 1000), (8, 880))]
    outcome = overloads.Outcome.of(rounds, points)
    assert (outcome.slowdown, outcome.slowdown_from_capacity) == (3.5, 1.75)
    assert outcome.of_peak == {"1 workers, 8 connections": 0.89, "1 workers, 64 connections": 1.0}
    assert broken(outcome) == []


def test_each_limit_of_overload_can_be_broken() -> None:
    points = [overloads.Point(2, 8, 800, 5, 0, 1), overloads.Point(2, 64, 1000, 5, 1, 0)]
    assert broken(overloads.Outcome.of([offered(0.8, 10), offered(2, 41, failed=1)], points)) == [
        "open loop: answers that are neither a success nor a 503 with Retry-After",
        "open loop: p99 of the admitted, at 200 % / at capacity",
        "closed loop: 2 workers, 8 connections, of peak",
        "closed loop: errors",
    ]


def test_a_day_is_broken_by_failures_by_surprises_and_by_what_comes_late() -> None:
    seen = {"GET /v1/items": limits.Seen(1000, 1, 90.0, 251.0), "GET /v1/items (refused)": limits.Seen(9, 0, 9e9, 9e9)}
    late = ["GET /v1/items: p99 is 251 ms, and may be 250"]
    assert list(limits.broken(seen, {"GET /v1/items: 500": 1}, [], 1.0)) == late
    assert list(limits.broken(seen, {}, [], 2.0)) == list(limits.broken(seen, {}, [], None)) == []
    assert list(limits.broken(seen, {}, ["a walk has shown 1 items"], None)) == ["a walk has shown 1 items"]
    assert list(limits.broken({}, {}, [], None)) == ["nothing was asked"]
    worse = {"GET /v1/items": limits.Seen(1000, 2, 90.0, 250.0)}
    assert list(limits.broken(worse, {"GET /v1/items: 500": 2}, [], 1.0)) == [
        "2 of 1000 requests failed",
        "2 x GET /v1/items: 500",
    ]


def test_a_wrong_answer_is_one_too_many_even_among_a_million() -> None:
    seen = {"GET /v1/items": limits.Seen(1_000_000, 1, 1, 1)}
    fault = f"GET /v1/items: {limits.WRONG}: {limits.FOREIGN}"
    assert list(limits.broken(seen, {fault: 1}, [], None)) == [f"1 x {fault}"]
    assert list(limits.broken(seen, {"GET /v1/items: 500": 1}, [], None)) == []
