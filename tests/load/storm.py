"""A storm of log-ins beside steady readers: what the readers notice of it, and what becomes of the log-ins."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import rich_click as click

from tests.benchmarks.servers import Server
from tests.benchmarks.stage import Stage, staged
from tests.load.alone import argon2_alone
from tests.load.commands import FIGURES, judged, run, write
from tests.load.figures import Answered
from tests.load.machine import Spent, forget_peak, peak_mib, worker_and_hasher
from tests.load.openloop import OpenLoop
from tests.load.storms import Outcome, Storm, draw
from tests.load.target import log_ins, pages, port_of, serving

_READS_PER_SECOND: Final = 50.0
_TIMES_CAPACITY: Final = 10.0
# Accounts are many, so that log-ins do not wait for each other's rows.
_ACCOUNTS: Final = 40
_CONNECTIONS: Final = 400
_WARM_UP_SECONDS: Final = 1.0


class Requests(NamedTuple):
    pages: Sequence[bytes]
    log_ins: Sequence[bytes]


@click.command()
@click.option("--runs", default=5, type=click.IntRange(1), help="How often it is quiet, then stormy.")
@click.option("--seconds", default=8.0, type=click.FloatRange(1), help="How long each time.")
@FIGURES
@click.option("--svg", "chart", type=click.Path(path_type=Path), help="Draw the chart to this file.")
def storm(runs: int, seconds: float, figures: Path | None, chart: Path | None) -> int:
    """Measure what a storm of log-ins does to those who read.

    Items are asked for 50 times a second, first in quiet, then while log-ins arrive at ten times the rate that Argon2
    could serve alone; both by an open loop. A run compares both halves, and the log-ins that were completed with those
    that Argon2 could have done with the CPU that everything else left. The status is 1 when a limit is broken.
    """
    with staged() as stage, serving(stage) as server:
        asked = Requests(pages(stage), log_ins(server, _ACCOUNTS))
        _read(server, asked, _WARM_UP_SECONDS)
        storms = []
        for number in range(1, runs + 1):
            storms.append(_compare(stage, server, asked, seconds))
            click.echo(f"{number}: {storms[-1]}")
    outcome = Outcome.of(storms, seconds)
    write(figures, outcome)
    if chart:
        draw(outcome, chart)
    return judged(outcome.limits())


def _compare(stage: Stage, server: Server, asked: Requests, seconds: float) -> Storm:
    alone = argon2_alone()
    quiet = Answered.of(_read(server, asked, seconds).answers)
    processes = worker_and_hasher(server.pid)
    forget_peak(processes)
    rate = _TIMES_CAPACITY * alone.hashes_per_second
    until_over = seconds + 2 * _WARM_UP_SECONDS
    arriving = OpenLoop(port_of(server), asked.log_ins, rate, until_over, connections=_CONNECTIONS)
    time.sleep(_WARM_UP_SECONDS)  # The queue fills first: what is measured is the storm, not its beginning.
    began, before = time.monotonic(), Spent.until_now(server.pid, stage.postgres_pid)
    stormy = Answered.of(_read(server, asked, seconds).answers)
    spent, ended = Spent.until_now(server.pid, stage.postgres_pid).since(before), time.monotonic()
    arrived = arriving.finished()
    during = [one for one in arrived.answers if began <= arrived.begun + one.due + one.latency < ended]
    took = ended - began
    return Storm(alone, took, quiet, stormy, Answered.of(during), arrived.starved, spent, peak_mib(processes))


def _read(server: Server, asked: Requests, seconds: float) -> OpenLoop:
    return OpenLoop(port_of(server), asked.pages, _READS_PER_SECOND, seconds).finished()


if __name__ == "__main__":
    run(storm, "storm")
