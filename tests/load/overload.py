"""More than a worker can do, and more connections than it needs: what is refused, and what the rest notices of it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import rich_click as click

from tests.benchmarks.loading import Load, load, wrk
from tests.benchmarks.scenarios import SCENARIOS
from tests.benchmarks.servers import Server
from tests.benchmarks.stage import Stage, staged
from tests.load.commands import FIGURES, judged, run, write
from tests.load.figures import Answered
from tests.load.openloop import OpenLoop
from tests.load.overloads import Offered, Outcome, Point, draw_latency, draw_scaling
from tests.load.target import apart, last_core, pages, port_of, serving

_SHARES: Final = (0.5, 0.8, 1.2, 2.0)
_WORKERS: Final = (1, 2)
_CONNECTIONS: Final = (8, 64, 256, 1024)
_AT_CAPACITY: Final = 32
# So many that a request never waits for one, not even before a surge is noticed.
_OPEN: Final = 2000
# Until what a flood has left behind has ebbed, and the next measurement has nothing of it.
_EBB_SECONDS: Final = 4.0

_SVG: Final = click.Path(path_type=Path)


@click.command()
@click.option("--rounds", default=3, type=click.IntRange(1), help="How often everything is measured.")
@click.option("--seconds", default=8, type=click.IntRange(1), help="How long each time.")
@FIGURES
@click.option("--latency-svg", type=_SVG, help="Draw latency by what is offered to this file.")
@click.option("--scaling-svg", type=_SVG, help="Draw throughput by connections to this file.")
def overload(
    rounds: int, seconds: int, figures: Path | None, latency_svg: Path | None, scaling_svg: Path | None
) -> int:
    """Measure pages of items under more load than the server can carry.

    First the capacity of one worker, by a closed loop; then an open loop offers shares of it, up to twice as much. The
    load has a core for itself meanwhile. Then one and two workers are asked through 8 to 1,024 connections by a closed
    loop, on all cores. The status is 1 when a limit is broken.
    """
    wrk()
    with staged() as stage:
        with serving(stage) as server, apart(server.pid, stage.postgres_pid):
            offered = [_offer(stage, server, seconds, number) for number in range(1, rounds + 1)]
        scaling = []
        for workers in _WORKERS:
            with serving(stage, workers) as server:
                scaling += [_scale(stage, server, workers, seconds) for _ in range(rounds)]
    outcome = Outcome.of([one for several in offered for one in several], [p for several in scaling for p in several])
    write(figures, outcome)
    if latency_svg:
        draw_latency(outcome, latency_svg)
    if scaling_svg:
        draw_scaling(outcome, scaling_svg)
    return judged(outcome.limits())


def _offer(stage: Stage, server: Server, seconds: int, number: int) -> Sequence[Offered]:
    capacity = _closed_loop(stage, server, seconds, _AT_CAPACITY)
    per_second = capacity.requests / capacity.seconds
    click.echo(f"{number}: capacity {per_second:.0f}/s, p99 {capacity.p99_ms:.1f} ms at {_AT_CAPACITY} connections")
    found = []
    for share in _SHARES:
        loop = OpenLoop(
            port_of(server), pages(stage), share * per_second, seconds, connections=_OPEN, core=last_core()
        ).finished()
        answered = Answered.of(loop.answers)
        found.append(Offered(share, per_second, capacity.p99_ms, answered, answered.completed / seconds, loop.starved))
        click.echo(f"   {found[-1]}")
        time.sleep(_EBB_SECONDS)
    return found


def _scale(stage: Stage, server: Server, workers: int, seconds: int) -> Sequence[Point]:
    found = []
    for connections in _CONNECTIONS:
        seen = _closed_loop(stage, server, seconds, connections)
        succeeded = (seen.requests - seen.refused) / seen.seconds
        found.append(Point(workers, connections, succeeded, seen.p99_ms, seen.refused, seen.broken))
        click.echo(f"{found[-1]}")
    return found


def _closed_loop(stage: Stage, server: Server, seconds: int, connections: int) -> Load:
    tokens = stage.folder / "load.tokens"
    tokens.write_text("".join(f"{token}\n" for token in stage.our_tokens()))
    return load(server.url, SCENARIOS["items"], tokens, seconds, connections)


if __name__ == "__main__":
    run(overload, "overload")
