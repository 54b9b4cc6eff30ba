"""What more load than a server can carry has shown, its limits and its charts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final, Self

from msgspec import Struct

from tests.benchmarks.environment import Environment, environment
from tests.load.figures import Answered, Limit

_AT_EASE: Final = 0.8
_TWICE: Final = 2.0
_TIMES_SLOWER: Final = 2.0
_LEAST_OF_PEAK: Final = 0.85


class Offered(Struct, frozen=True):
    """An open loop at `share` of the `capacity`, which is requests per second of a closed loop, whose p99 was
    `capacity_p99_ms`. `starved` requests found no connection free: their latency is the load's fault too."""

    share: float
    capacity: float
    capacity_p99_ms: float
    answered: Answered
    completed_per_second: float
    starved: int

    def __str__(self) -> str:
        found = self.answered
        return (
            f"offered {self.share:.0%}: {self.completed_per_second:.0f}/s done, p50 {found.p50_ms:.1f} ms, p99 "
            f"{found.p99_ms:.1f} ms; {found.refused} refused, {found.failed} failed, {self.starved} starved"
        )


class Point(Struct, frozen=True):
    """A closed loop of so many connections. `refused` answers were no success, `broken` requests got none in time."""

    workers: int
    connections: int
    per_second: float
    p99_ms: float
    refused: int
    broken: int

    def __str__(self) -> str:
        errors = f"{self.refused} refused, {self.broken} broken"
        return f"{self.workers} workers, {self.connections} connections: {self.per_second:.0f}/s, {errors}"


class Outcome(Struct, frozen=True):
    """Every measurement, and medians over the rounds.

    `slowdown`: the p99 of those who are admitted when twice the capacity is offered, as a multiple of what it is at
    80 % of it, and of what it is at capacity. `of_peak`: the throughput of each number of connections, of the best
    that so many workers have.
    """

    environment: Environment
    offered: Sequence[Offered]
    scaling: Sequence[Point]
    slowdown: float
    slowdown_from_capacity: float
    of_peak: Mapping[str, float]

    @classmethod
    def of(cls, offered: Sequence[Offered], scaling: Sequence[Point]) -> Self:
        twice = [one for one in offered if one.share == _TWICE]
        at_ease = [one for one in offered if one.share == _AT_EASE]
        slowdown = median(a.answered.p99_ms / b.answered.p99_ms for a, b in zip(twice, at_ease, strict=True))
        from_capacity = median(one.answered.p99_ms / one.capacity_p99_ms for one in twice)
        of_peak = {
            f"{workers} workers, {connections} connections": rate / max(rates.values())
            for workers, rates in throughput(scaling).items()
            for connections, rate in rates.items()
        }
        return cls(environment(), offered, scaling, slowdown, from_capacity, of_peak)

    def limits(self) -> Sequence[Limit]:
        failed = sum(one.answered.failed for one in self.offered)
        errors = sum(one.refused + one.broken for one in self.scaling)
        return (
            Limit("open loop: answers that are neither a success nor a 503 with Retry-After", failed, 0),
            Limit("open loop: p99 of the admitted, at 200 % / at capacity", self.slowdown_from_capacity, _TIMES_SLOWER),
            *(
                Limit(f"closed loop: {name}, of peak", share, _LEAST_OF_PEAK, True)
                for name, share in self.of_peak.items()
            ),
            Limit("closed loop: errors", errors, 0),
        )


def throughput(scaling: Iterable[Point]) -> Mapping[int, Mapping[int, float]]:
    """Requests per second by workers and connections, medians over the rounds."""
    rounds: dict[int, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in scaling:
        rounds[one.workers][one.connections].append(one.per_second)
    return {workers: {number: median(rates) for number, rates in one.items()} for workers, one in rounds.items()}


def draw_scaling(outcome: Outcome, file: Path) -> None:
    """Throughput by connections, as SVG."""
    from tests.benchmarks.charts import lines

    series = {
        f"{workers} worker{'s' * (workers > 1)}": sorted(rates.items())
        for workers, rates in throughput(outcome.scaling).items()
    }
    title, subtitle = "Pages of items by connections, closed loop", _subtitle(outcome)
    lines(file, title, subtitle, "connections", "requests per second", series, log_x=True)


def draw_latency(outcome: Outcome, file: Path) -> None:
    """Latency of what is admitted, by what is offered, as SVG."""
    from tests.benchmarks.charts import lines

    series = {
        name: [
            (share * 100, median(getattr(one.answered, field) for one in outcome.offered if one.share == share))
            for share in sorted({one.share for one in outcome.offered})
        ]
        for name, field in (("p50 of the admitted", "p50_ms"), ("p99 of the admitted", "p99_ms"))
    }
    title, subtitle = "Latency under overload, open loop, one worker", _subtitle(outcome)
    lines(file, title, subtitle, "offered, % of capacity", "milliseconds", series)


def _subtitle(outcome: Outcome) -> str:
    here = outcome.environment
    return f"{here.date} · {here.cpu}, {here.cores} cores, PostgreSQL and the load on the same machine · medians"
