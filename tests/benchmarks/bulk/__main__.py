"""Measures import, export and batches beside what psql does with the same rows: see `--help`."""

from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Final

import rich_click as click

from backend.operators import OperatorError
from tests.benchmarks.bulk.client import Moved
from tests.benchmarks.bulk.memory import Watch, worker_of
from tests.benchmarks.bulk.moving import Mover
from tests.benchmarks.bulk.outcome import Beside, Outcome, Round, draw, table, write
from tests.benchmarks.bulk.table import BATCH, Table, prepared
from tests.benchmarks.environment import environment
from tests.benchmarks.servers import OURS, SERVE, started
from tests.benchmarks.stage import Stage, staged
from tests.load.commands import FIGURES, judged, run

_AT_LEAST_ONE: Final = click.IntRange(1)
_WARM_UP_ROWS: Final = 1000
_WARM_UP_SECONDS: Final = 0.5

type Move = Callable[[], Moved]


@click.command()
@click.option("--rows", default=1_000_000, type=_AT_LEAST_ONE, help="How many are imported and exported.")
@click.option("--rounds", default=3, type=_AT_LEAST_ONE, help="How often each is measured.")
@click.option("--seconds", default=5.0, type=click.FloatRange(0, min_open=True), help="How long batches are sent.")
@click.option("--connections", default=8, type=click.IntRange(1, 100), help="How many send batches.")
@FIGURES
@click.option("--svg", "chart", type=click.Path(path_type=Path), help="Draw the chart of the memory to this file.")
def bulk(rows: int, rounds: int, seconds: float, connections: int, figures: Path | None, chart: Path | None) -> int:
    r"""Measure import, export and batches.

    Rows are imported through the API, and by `\copy` of psql as a superuser, each time into the same table; then they
    are exported, and read by COPY TO. Both take turns at being first. The memory of the worker and of PostgreSQL is
    watched from outside while the API is at work. Every count is checked. The status is 1 when a target is missed.
    """
    with staged() as stage:
        outcome = _measure(stage, rows, rounds, seconds, connections)
    if figures:
        write(outcome, figures)
    if chart:
        draw(outcome, chart)
    click.echo("\n".join(("", *table(outcome), "")))
    return judged(outcome.limits())


def _measure(stage: Stage, rows: int, rounds: int, seconds: float, connections: int) -> Outcome:
    owners = [caller.user_id for caller in stage.callers[:connections]]
    found = []
    with (
        started(OURS, SERVE, stage.folder, stage.ours, stage.our_tokens) as server,
        closing(Table(stage.superuser_url, owners)) as items,
    ):
        few, files = (prepared(stage.folder, owners[0], number) for number in (min(rows, _WARM_UP_ROWS), rows))
        mover = Mover(stage, server, items, files, connections)
        fresh = _memory_of(mover).sample()
        _warm_up(mover._replace(files=few))
        for number in range(rounds):
            found.append(_round(mover, seconds, psql_first=bool(number % 2)))
            click.echo(f"{number + 1}: {found[-1]}")
    here = environment(PostgreSQL=stage.postgres_version)
    return Outcome(here, rows, files.lines.stat().st_size, connections, seconds, fresh, found)


def _warm_up(mover: Mover) -> None:
    """What is done for the first time costs more, and memory that stays; and few rows can be compared one by one."""
    _beside(mover, mover.import_, mover.copy_in, mover.table.restore, psql_first=True)
    mover.check_export()
    _batched(mover, _WARM_UP_SECONDS)


def _round(mover: Mover, seconds: float, *, psql_first: bool) -> Round:
    imported = _beside(mover, mover.import_, mover.copy_in, mover.table.restore, psql_first=psql_first)
    exported = _beside(mover, mover.export, mover.copy_out, mover.table.settle, psql_first=psql_first)
    return Round(imported, exported, _batched(mover, seconds))


def _beside(mover: Mover, ours: Move, psql: Move, before: Callable[[], None], *, psql_first: bool) -> Beside:
    """Both in turn, of which each begins with the same table."""
    memory = _memory_of(mover)
    found = {}
    for move in (psql, ours) if psql_first else (ours, psql):
        before()
        with memory if move is ours else nullcontext():
            found[move] = move()
        mover.check(found[move])
    return Beside(found[ours], found[psql], memory.samples)


def _memory_of(mover: Mover) -> Watch:
    return Watch(worker_of(mover.server.pid), mover.stage.postgres_pid)


def _batched(mover: Mover, seconds: float) -> Moved:
    mover.table.restore()
    moved = mover.batch(seconds)
    if moved.rows % BATCH:
        raise OperatorError(f"{moved.rows} items were created by batches of {BATCH}")
    mover.table.check(moved.rows)
    return moved


if __name__ == "__main__":
    run(bulk, "bulk", "tests.benchmarks")
