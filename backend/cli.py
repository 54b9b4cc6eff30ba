"""The `backend` command: which commands there are, each imported when it is called, and how they refuse."""

import sys
from importlib import import_module
from typing import Final

import rich_click as click

from backend import __version__
from backend.internal import OperatorError

# A command and the module that has it under its own name, in the order of a deployment's life.
COMMANDS: Final = {
    "serve": "backend.internal.serving",
    "database": "backend.internal.databases",
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
    """The entry point: what an operator can put right is one line on standard error and exit status 1."""
    from backend.settings import SettingsError

    try:
        backend(prog_name="backend")
    except (OperatorError, SettingsError) as error:
        click.echo(f"backend: {error}", err=True)
        sys.exit(1)
