"""Compares Lodestar with what it stands on, and with what most teams begin with: see `--help`."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Never

import rich_click as click

from backend.operators import OperatorError
from tests.benchmarks.environment import environment
from tests.benchmarks.loading import load, witnessed, wrk
from tests.benchmarks.measuring import cpu_seconds, tree
from tests.benchmarks.outcome import Measured, Outcome, draw, summary_of, table, write
from tests.benchmarks.scenarios import SCENARIOS, Scenario
from tests.benchmarks.servers import BARE, OURS, SERVE, Server, fastapi, fastapi_versions, started
from tests.benchmarks.stage import Stage, staged

_CHART: Final = Path("docs/images/comparison.svg")
_WARM_UP_SECONDS: Final = 1
_AT_LEAST_ONE: Final = click.IntRange(1)


def _names(_context: click.Context, _parameter: click.Parameter, value: str) -> Sequence[str]:
    names = value.split(",")
    if unknown := set(names) - set(SCENARIOS):
        raise click.BadParameter(f"there is no {', '.join(sorted(unknown))} among {', '.join(SCENARIOS)}")
    return names


@click.command()
@click.option("--rounds", default=3, type=_AT_LEAST_ONE, help="How often each server is measured.")
@click.option("--seconds", default=3, type=_AT_LEAST_ONE, help="How long each time.")
@click.option("--connections", default=32, type=_AT_LEAST_ONE, help="How many requests are under way at a time.")
@click.option("--only", default=",".join(SCENARIOS), callback=_names, help="Scenarios, split by commas.")
@click.option("--json", "figures", type=click.Path(path_type=Path), help="Write the figures to this file.")
@click.option("--svg", "chart", type=click.Path(path_type=Path), default=_CHART, help="Draw the chart to this file.")
def compare(
    rounds: int, seconds: int, connections: int, only: Sequence[str], figures: Path | None, chart: Path
) -> None:
    """Measure Lodestar beside bare granian and psycopg, and beside a plain FastAPI application.

    All serve the same rows of one PostgreSQL with one worker each, to a hundred callers in turn. They are measured one
    after the other, in another order each round; a first round does not count. A witness checks that everybody is
    answered with his own rows. What drifts with the machine drifts for all: quote the ratios.
    """
    wrk()
    if find_spec("matplotlib") is None:
        raise OperatorError("matplotlib is not installed: run this by `uv run --group bench`.")
    with staged() as stage, _serving(stage) as servers:
        found = {}
        for name in only:
            found[name] = _measure_in_turn(stage, servers, SCENARIOS[name], rounds, seconds, connections)
            click.echo("\n".join(("", *table(name, summary_of(found[name])))))
        here = environment(PostgreSQL=stage.postgres_version, **fastapi_versions(stage.peers))
    outcome = Outcome(here, seconds, connections, found)
    draw(outcome, chart)
    if figures:
        write(outcome, figures)


@contextmanager
def _serving(stage: Stage) -> Iterator[Sequence[Server]]:
    fastapi_versions(stage.peers)  # Installs its packages, which may take longer than a server's start.
    with ExitStack() as stack:
        yield [
            stack.enter_context(started(name, command, stage.folder, values, tokens))
            for name, command, values, tokens in (
                (OURS, SERVE, stage.ours, stage.our_tokens),
                ("bare", BARE, stage.peers, stage.user_ids),
                ("fastapi", fastapi("--port", "{port}"), stage.peers, stage.plain_tokens),
            )
        ]


def _measure_in_turn(
    stage: Stage, servers: Sequence[Server], scenario: Scenario, rounds: int, seconds: int, connections: int
) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {server.name: [] for server in servers}
    for turn in range(-1, rounds):  # Round -1 warms up.
        first = turn % len(servers)
        for server in (*servers[first:], *servers[:first]):
            try:
                measured = _measure(stage, server, scenario, seconds if turn >= 0 else _WARM_UP_SECONDS, connections)
            except OperatorError as error:
                raise OperatorError(f"{server.name}, {scenario.method} {scenario.target}: {error}") from None
            if turn >= 0:
                found[server.name].append(measured)
    return found


def _measure(stage: Stage, server: Server, scenario: Scenario, seconds: int, connections: int) -> Measured:
    tokens, file = server.tokens(), stage.folder / f"{server.name}.tokens"
    file.write_text("".join(f"{token}\n" for token in tokens))
    with witnessed(server.url, scenario, list(zip(stage.user_ids(), tokens, strict=True))):
        before = [cpu_seconds(tree(pid)) for pid in (server.pid, stage.postgres_pid)]
        seen = load(server.url, scenario, file, seconds, connections)
        after = [cpu_seconds(tree(pid)) for pid in (server.pid, stage.postgres_pid)]
    seen.check()
    server_us, postgres_us = ((now - then) / seen.requests * 1e6 for now, then in zip(after, before, strict=True))
    return Measured(seen.requests / seen.seconds, seen.p50_ms, seen.p99_ms, server_us, postgres_us)


def main() -> None:
    """The entry point: a refusal is one line on standard error, and a status that is not 0."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ends what was started, as Ctrl-C does.
    try:
        sys.exit(compare(prog_name="python -m tests.benchmarks.compare", standalone_mode=False))
    except OperatorError as error:
        _refuse(str(error), 1)
    except click.UsageError as error:
        _refuse(error.format_message(), error.exit_code)
    except click.Abort:
        _refuse("interrupted", 1)


def _refuse(reason: str, status: int) -> Never:
    click.echo(f"compare: {reason}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
