"""What is made of many answers: percentiles, counts, and whether they are good enough."""

import math
from collections.abc import Iterable, Sequence
from typing import Self

from msgspec import Struct

from tests.load.openloop import Answer


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that at least so many percent do not exceed (nearest rank); NaN of none."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1] if ordered else math.nan


class Answered(Struct, frozen=True):
    """`refused`: 503 that say when to come back, as they must; `failed`: everything that is neither that nor success.

    Latencies are those of the successful ones, in milliseconds from when they were due.
    """

    completed: int
    refused: int
    failed: int
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> Self:
        completed = [answer.latency * 1000 for answer in answers if 200 <= answer.status < 300]
        refused = sum(answer.status == 503 and answer.says_when for answer in answers)
        failed = len(answers) - len(completed) - refused
        return cls(len(completed), refused, failed, percentile(completed, 50), percentile(completed, 99))


class Limit(Struct, frozen=True):
    """A figure and what it may not exceed, or with `at_least` not fall below. NaN is never good enough."""

    name: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def kept(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        bound = "at least" if self.at_least else "at most"
        return f"{'kept  ' if self.kept else 'BROKEN'}  {self.name}: {self.value:.2f} ({bound} {self.limit:g})"
