"""What a storm of log-ins has shown, and what it is compared with.

"What Argon2 alone does with the CPU that others leave": whatever has been neither idle nor spent by a hash thread was
somebody else's (the rest of the worker, PostgreSQL, the load itself, the machine), so that

    left     = cores x seconds - everybody else's CPU seconds = idle seconds + CPU seconds of the hash threads
    possible = min(left, threads x seconds) / CPU seconds of a hash, measured alone

with idle seconds from /proc/stat, and those of the hash threads from /proc/PID/task: they are told from the others by
their policy, SCHED_IDLE. A hash "alone" runs beside as many others as the server has threads: two hashes at once cost
more CPU each than one, on any machine, so one by itself would promise what no server could do. Both are measured.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final, Self

from msgspec import Struct
from msgspec.structs import asdict

from tests.benchmarks.environment import Environment, environment
from tests.load.alone import Alone
from tests.load.figures import Answered, Limit
from tests.load.machine import Spent

_TIMES_SLOWER: Final = 2.0
_LEAST_COMPLETED: Final = 0.9
# Of a worker under load, and of each hash that runs.
_MIB: Final = 120
_MIB_OF_A_HASH: Final = 19


class Storm(Struct, frozen=True):
    """One run. `starved` log-ins left late, because the load had no connection free; `peak_mib` is of
    the worker and its hasher."""

    alone: Alone
    seconds: float
    quiet: Answered
    stormy: Answered
    log_ins: Answered
    starved: int
    spent: Spent
    peak_mib: float

    @property
    def times_slower(self) -> float:
        """The p99 of the readers in the storm, as a multiple of what it is in quiet."""
        return self.stormy.p99_ms / self.quiet.p99_ms

    @property
    def possible(self) -> float:
        """How many log-ins Argon2 alone would have done with the CPU that was left."""
        left = self.spent.idle + self.spent.hashing
        return min(left, self.alone.threads * self.seconds) / self.alone.cpu_seconds

    @property
    def completed(self) -> float:
        """The share of the possible ones that were done."""
        return self.log_ins.completed / self.possible

    @property
    def hashes(self) -> float:
        """How many the CPU time of the hash threads was enough for: refused log-ins, if they were hashed, are in it."""
        return self.spent.hashing / self.alone.cpu_seconds

    def __str__(self) -> str:
        per_second = self.log_ins.completed / self.seconds, self.possible / self.seconds
        return (
            f"items p99 {self.quiet.p99_ms:.1f} ms quiet, {self.stormy.p99_ms:.1f} ms stormy; log-ins "
            f"{per_second[0]:.1f}/s of {per_second[1]:.1f} possible, {self.log_ins.refused} refused, "
            f"{self.log_ins.failed} failed; CPU s: {', '.join(f'{k} {v:.1f}' for k, v in asdict(self.spent).items())}"
            f"; {self.peak_mib:.0f} MiB"
        )


class Outcome(Struct, frozen=True):
    """The runs, and the medians of their ratios."""

    environment: Environment
    seconds: float
    storms: Sequence[Storm]
    times_slower: float
    completed: float

    @classmethod
    def of(cls, storms: Sequence[Storm], seconds: float) -> Self:
        slower, completed = median(one.times_slower for one in storms), median(one.completed for one in storms)
        return cls(environment(), seconds, storms, slower, completed)

    def limits(self) -> Sequence[Limit]:
        failed = sum(one.log_ins.failed + one.quiet.failed + one.stormy.failed for one in self.storms)
        unhurt = sum(one.quiet.refused + one.stormy.refused for one in self.storms)
        most_mib = _MIB + _MIB_OF_A_HASH * self.storms[0].alone.threads
        return (
            Limit("p99 of items, stormy / quiet", self.times_slower, _TIMES_SLOWER),
            Limit("log-ins, completed / possible", self.completed, _LEAST_COMPLETED, at_least=True),
            Limit("most MiB of the worker and its hasher", max(one.peak_mib for one in self.storms), most_mib),
            Limit("answers that are neither a success nor a 503 with Retry-After", failed, 0),
            Limit("items that were refused", unhurt, 0),
        )


def draw(outcome: Outcome, file: Path) -> None:
    """The chart, as SVG: medians over the runs."""
    from tests.benchmarks.charts import bars

    runs = outcome.storms
    groups = {
        "Items, p99 in ms": {
            "in the storm": median(one.stormy.p99_ms for one in runs),
            "in quiet": median(one.quiet.p99_ms for one in runs),
        },
        "Log-ins in a second": {
            "completed": median(one.log_ins.completed / one.seconds for one in runs),
            "possible": median(one.possible / one.seconds for one in runs),
            "asked for": median(10 * one.alone.hashes_per_second for one in runs),
        },
    }
    here = outcome.environment
    subtitle = (
        f"{here.date} · {here.cpu}, {here.cores} cores, PostgreSQL and the load on the same machine · medians of "
        f"{len(runs)} runs of {outcome.seconds:g} s · possible: what Argon2 alone does with the CPU that others leave"
    )
    bars(file, "A storm of log-ins beside 50 reads a second", subtitle, groups, "")
