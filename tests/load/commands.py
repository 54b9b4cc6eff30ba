"""What the commands of this folder share: how they refuse, and what becomes of their findings."""

import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Never

import msgspec
import rich_click as click

from backend.operators import OperatorError
from tests.load.figures import Limit

FIGURES = click.option("--json", "figures", type=click.Path(path_type=Path), help="Write the figures to this file.")


def run(command: click.Command, name: str, package: str = "tests.load") -> Never:
    """A refusal is one line on standard error, and a status that is not 0; what `command` answers is the status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ends what was started, as Ctrl-C does.
    try:
        sys.exit(command(prog_name=f"python -m {package}.{name}", standalone_mode=False))
    except OperatorError as error:
        _refuse(name, str(error), 1)
    except click.UsageError as error:
        _refuse(name, error.format_message(), error.exit_code)
    except click.Abort:
        _refuse(name, "interrupted", 1)


def _refuse(name: str, reason: str, status: int) -> Never:
    click.echo(f"{name}: {reason}", err=True)
    sys.exit(status)


def judged(limits: Iterable[Limit]) -> int:
    """Says of each limit whether it was kept; the exit status, 1 when one was not."""
    broken = 0
    for limit in limits:
        click.echo(str(limit))
        broken += not limit.kept
    return min(broken, 1)


def write(file: Path | None, outcome: object) -> None:
    """As JSON, when a file is wanted."""
    if file:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(outcome)))
