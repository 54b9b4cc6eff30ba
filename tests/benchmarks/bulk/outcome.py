"""What import, export and batch have shown: figures, a table for a terminal, a file, a chart of the memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from msgspec import Struct

from tests.benchmarks.bulk.client import Moved
from tests.benchmarks.bulk.memory import Growth, Sample
from tests.benchmarks.environment import Environment
from tests.benchmarks.measuring import Ratio, ratio
from tests.load.figures import Limit

_IMPORT_OF_COPY: Final = 0.5
_EXPORT_OF_COPY: Final = 0.4
_MOST_MIB: Final = 50
_BATCHED_PER_SECOND: Final = 30_000
# A chart shows no more of them on a line.
_POINTS: Final = 60


class Beside(Struct, frozen=True):
    """The same rows moved by the API and by psql, and the memory while the API did."""

    ours: Moved
    psql: Moved
    memory: Sequence[Sample]

    @property
    def growth(self) -> Growth:
        return Growth.of(self.memory)


class Round(Struct, frozen=True):
    imported: Beside
    exported: Beside
    batched: Moved

    def __str__(self) -> str:
        ways = {"import": self.imported, "export": self.exported}
        moved = (
            f"{name} {one.ours.per_second:.0f} rows/s, psql {one.psql.per_second:.0f}" for name, one in ways.items()
        )
        return f"{'; '.join(moved)}; batch {self.batched.per_second:.0f} items/s"


class Way(Struct, frozen=True):
    """Of import or export: medians of rows a second, ours as a share of psql's round by round, and the most growth."""

    rows_per_second: float
    psql_rows_per_second: float
    of_psql: Ratio
    growth: Growth

    @classmethod
    def of(cls, rounds: Sequence[Beside]) -> "Way":
        ours, psql = ([getattr(one, name).per_second for one in rounds] for name in ("ours", "psql"))
        growths = [one.growth for one in rounds]
        most = Growth(*(max(getattr(one, name) for one in growths) for name in Growth.__struct_fields__))
        return cls(median(ours), median(psql), ratio(ours, psql), most)


class Outcome(Struct, frozen=True):
    """`bytes` are those of the lines that are imported; `fresh` is the memory before anything was done."""

    environment: Environment
    rows: int
    bytes: int
    connections: int
    seconds: float
    fresh: Sample
    rounds: Sequence[Round]

    @property
    def imported(self) -> Way:
        return Way.of([one.imported for one in self.rounds])

    @property
    def exported(self) -> Way:
        return Way.of([one.exported for one in self.rounds])

    @property
    def batched_per_second(self) -> float:
        return median(one.batched.per_second for one in self.rounds)

    def limits(self) -> Iterator[Limit]:
        imported, exported = self.imported, self.exported
        yield Limit(r"import, rows/s of \copy", imported.of_psql.median, _IMPORT_OF_COPY, at_least=True)
        yield Limit("export, rows/s of COPY TO", exported.of_psql.median, _EXPORT_OF_COPY, at_least=True)
        for name, way in (("import", imported), ("export", exported)):
            yield Limit(f"{name}, MiB that the worker grew", way.growth.worker, _MOST_MIB)
            yield Limit(f"{name}, private MiB that PostgreSQL grew", way.growth.postgres_private, _MOST_MIB)
        yield Limit("batch, items/s", self.batched_per_second, _BATCHED_PER_SECOND, at_least=True)


def table(outcome: Outcome) -> Iterator[str]:
    yield f"{'':10}{'rows/s':>10}{'psql':>10}   of psql (least to most)    MiB grown: worker, PostgreSQL private, all"
    for name, way in (("import", outcome.imported), ("export", outcome.exported)):
        of, grown = way.of_psql, way.growth
        share = f"{of.median:10.2f} ({of.least:.2f} to {of.most:.2f})"
        memory = f"{grown.worker:24.1f}{grown.postgres_private:20.1f}{grown.postgres:8.1f}"
        yield f"{name:10}{way.rows_per_second:10.0f}{way.psql_rows_per_second:10.0f}{share}{memory}"
    yield f"{'batch':10}{outcome.batched_per_second:10.0f}   by {outcome.connections} connections"
    samples = [one for each in outcome.rounds for way in (each.imported, each.exported) for one in way.memory]
    worker, private = (max(getattr(one, name) for one in samples) for name in ("worker", "postgres_private"))
    yield f"MiB, fresh and at most: worker {outcome.fresh.worker:.1f}, {worker:.1f}; PostgreSQL private " + (
        f"{outcome.fresh.postgres_private:.1f}, {private:.1f}"
    )


def write(outcome: Outcome, file: Path) -> None:
    """As JSON: the outcome, its summary and its targets."""
    summary = {"import": outcome.imported, "export": outcome.exported, "batch": outcome.batched_per_second}
    targets = [{**msgspec.to_builtins(limit), "kept": limit.kept} for limit in outcome.limits()]
    content = {**msgspec.to_builtins(outcome), "summary": summary, "targets": targets}
    file.write_bytes(msgspec.json.format(msgspec.json.encode(content)))


def draw(outcome: Outcome, file: Path) -> None:
    """The memory in the first round, as SVG."""
    from tests.benchmarks.charts import lines

    first, here = outcome.rounds[0], outcome.environment
    who: Mapping[str, Callable[[Sample], float]] = {
        "worker": lambda one: one.worker,
        "PostgreSQL": lambda one: one.postgres_private,
    }
    ways = {"import": first.imported.memory, "export": first.exported.memory}
    series = {
        f"{whose}, {name}": [(one.seconds, mib(one)) for one in _thinned(samples)]
        for name, samples in ways.items()
        for whose, mib in who.items()
    }
    subtitle = (
        f"{here.date} · {here.cpu}, {here.cores} cores, PostgreSQL and the client on the same machine · "
        f"{outcome.rows:,} rows, {outcome.bytes / 2**20:.0f} MiB of lines · round 1 of {len(outcome.rounds)}\n"
        "Worker: resident. PostgreSQL: what is private to one of its processes, of all together."
    )
    lines(file, "Memory while rows come and go", subtitle, "seconds", "MiB", series)


def _thinned(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The highest of each few, so that no peak is lost."""
    few = -(-len(samples) // _POINTS)
    groups = (samples[start : start + few] for start in range(0, len(samples), few))
    return [max(group, key=lambda one: one.worker + one.postgres_private) for group in groups]
