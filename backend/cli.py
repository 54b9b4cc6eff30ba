"""The `backend` command: which commands there are, each imported when it is called, and how they refuse."""

import sys
from importlib import import_module
from typing import Final, Never

import rich_click as click

from backend import __version__
from backend.operators import OperatorError

# A command and the module that has it under its own name, in the order of a deployment's life.
COMMANDS: Final = {
    "serve": "backend.internal.serving",
    "migrate": "backend.internal.migrating",
    "check": "backend.internal.checking",
    "prestart": "backend.internal.prestarting",
    "users": "backend.internal.accounts",
    "sessions": "backend.internal.accounts",
    "keys": "backend.internal.keys",
    "database": "backend.internal.databases",
    "openapi": "backend.internal.openapi",
    "new": "backend.internal.scaffolding",
}


class LazyGroup(click.RichGroup):
    """A command starts without importing what only the others need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(cls=LazyGroup, epilog="Example: backend serve --port 8080")
@click.version_option(__version__)
def backend() -> None:
    """Lodestar: accounts, sessions and row-secured resources over JSON."""


def main() -> None:
    """The entry point: a refusal is one line on standard error, and a status that is not 0."""
    try:
        sys.exit(backend(prog_name="backend", standalone_mode=False))
    except OperatorError as error:
        _refuse(str(error), 1)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "backend"
        _refuse(f"{error.format_message()} See: {command} --help", error.exit_code)
    except click.Abort:
        _refuse("interrupted", 1)


def _refuse(reason: str, status: int) -> Never:
    click.echo(f"backend: {reason}", err=True)
    sys.exit(status)
