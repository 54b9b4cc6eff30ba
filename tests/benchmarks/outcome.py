"""What a comparison has found: its figures, a table for a terminal, a file, and the chart of the README."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from msgspec import Struct

from tests.benchmarks.environment import Environment
from tests.benchmarks.measuring import Ratio, ratio
from tests.benchmarks.scenarios import SCENARIOS
from tests.benchmarks.servers import OURS

_FIXED_SPACE: Final = "\N{NO-BREAK SPACE}"

TITLES: Final = {OURS: "Lodestar", "bare": "granian + psycopg", "fastapi": "FastAPI + SQLModel"}


class Measured(Struct, frozen=True):
    """One server in one round; microseconds are CPU time of a request, in the server's processes and PostgreSQL's."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    server_us: float
    postgres_us: float


class Summary(Struct, frozen=True):
    """Medians over the rounds; `ours` is how many times as many requests Lodestar answers, round by round."""

    median: Measured
    ours: Ratio


class Outcome(Struct, frozen=True):
    """`rounds`: what was measured of each scenario and server, in the order of the rounds."""

    environment: Environment
    seconds: int
    connections: int
    rounds: Mapping[str, Mapping[str, Sequence[Measured]]]

    @property
    def summary(self) -> dict[str, dict[str, Summary]]:
        return {scenario: summary_of(servers) for scenario, servers in self.rounds.items()}


def summary_of(servers: Mapping[str, Sequence[Measured]]) -> dict[str, Summary]:
    """Of one scenario."""
    return {name: Summary(middle(rounds), _ratio(servers[OURS], rounds)) for name, rounds in servers.items()}


def middle(rounds: Sequence[Measured]) -> Measured:
    """Each figure's own median."""
    fields = Measured.__struct_fields__
    return Measured(**{field: median(getattr(one, field) for one in rounds) for field in fields})


def _ratio(ours: Sequence[Measured], theirs: Sequence[Measured]) -> Ratio:
    return ratio(*([one.requests_per_second for one in rounds] for rounds in (ours, theirs)))


def table(scenario: str, servers: Mapping[str, Summary]) -> Iterator[str]:
    """The lines of one scenario."""
    columns = f"{'req/s':>10}{'p50 ms':>10}{'p99 ms':>10}{'CPU us':>10}{'PostgreSQL us':>15}"
    yield f"{scenario:10}{columns}   Lodestar against it"
    for name, one in servers.items():
        found, times = one.median, one.ours
        figures = f"{found.requests_per_second:10.0f}{found.p50_ms:10.1f}{found.p99_ms:10.1f}"
        against = "" if name == OURS else f"   {times.median:.2f} ({times.least:.2f} to {times.most:.2f})"
        yield f"{name:10}{figures}{found.server_us:10.0f}{found.postgres_us:15.0f}{against}"


def write(outcome: Outcome, file: Path) -> None:
    """As JSON: the outcome and its summary."""
    content = {**msgspec.to_builtins(outcome), "summary": outcome.summary}
    file.write_bytes(msgspec.json.format(msgspec.json.encode(content)))


def draw(outcome: Outcome, file: Path) -> None:
    """The chart, as SVG."""
    from tests.benchmarks.charts import bars

    summary = outcome.summary
    groups = {
        SCENARIOS[scenario].title: {TITLES[name]: one.median.requests_per_second for name, one in servers.items()}
        for scenario, servers in summary.items()
    }
    notes = {
        SCENARIOS[scenario].title: {TITLES[name]: _note(name, one) for name, one in servers.items()}
        for scenario, servers in summary.items()
    }
    bars(file, "Requests per second, one worker each", _subtitle(outcome), groups, "req/s", notes)


def _note(name: str, one: Summary) -> str:
    p99 = f"p99 {one.median.p99_ms:,.1f} ms"
    return p99 if name == OURS else f"ratio {one.ours.median:.2f} · {p99}"


def _subtitle(outcome: Outcome) -> str:
    here, rounds = outcome.environment, len(next(iter(outcome.rounds.values()))[OURS])
    # A line may break after a dot, but not between a name and its version.
    versions = f"{_FIXED_SPACE}· ".join(f"{name}{_FIXED_SPACE}{version}" for name, version in here.versions.items())
    load = f"{outcome.connections} connections, medians of {rounds} x {outcome.seconds} s"
    meaning = "Ratio: Lodestar's requests per second to theirs, round by round. Each group has a scale of its own."
    machine = f"{here.cpu}, {here.cores} cores, PostgreSQL on the same machine"
    return f"{here.date} · {machine} · {load}\n{versions}\n{meaning}"
