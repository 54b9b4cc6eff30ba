"""`backend serve`: brings up what is missing, then serves."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NoReturn

import rich_click as click
from msgspec.structs import replace

from backend.forking import OWNER_VARIABLES
from backend.settings import Settings


class Interruption:
    """SIGTERM and SIGINT until granian takes them over: they undo what was done and end the command.

    Nothing is raised: what a signal handler raises inside a callback of Python's import system, for one, is printed
    and forgotten, and the signal with it.
    """

    def __init__(self, undo: ExitStack) -> None:
        self._undo = undo
        self._held = False
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        self._asked = True
        if not self._held:
            self._end()

    def _end(self) -> NoReturn:
        self._held = True
        self._undo.close()
        os._exit(0)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Runs a step to its end before a signal that came meanwhile ends the command."""
        self._held = True
        yield
        self._held = False
        if self._asked:
            self._end()

    def hold(self) -> None:
        """From now on signals are ignored: the command is ending already."""
        self._held = True


@click.command(epilog="Example: backend serve --host 0.0.0.0 --port 8080 --workers 4")
@click.option("--host", help="The address to listen on, instead of HOST.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port to listen on, instead of PORT.")
@click.option("--workers", type=click.IntRange(1, 512), help="How many processes answer, instead of WORKERS.")
@click.option("--reload", is_flag=True, help="Start anew when a file below backend/ or queries/ changes.")
def serve(host: str | None, port: int | None, workers: int | None, reload: bool) -> None:
    """Serve the API.

    In development without DATABASE_URL it brings up a PostgreSQL of its own and migrates it; otherwise it
    waits for the configured one and checks it. SIGTERM and Ctrl-C end it within SHUTDOWN_TIMEOUT.
    """
    # By way of the environment, so that they are judged as it is.
    given = {"HOST": host, "PORT": port, "WORKERS": workers}
    os.environ |= {name: str(value) for name, value in given.items() if value is not None}
    with ExitStack() as stack:
        interruption = Interruption(stack)
        settings = Settings.read()
        say = _announcer(settings)
        from backend.server import claimed_port, run

        address, number = stack.enter_context(claimed_port(settings.host, settings.port))
        if settings.database_url is None:
            settings = _with_embedded_database(settings, say, stack, interruption)
        else:
            _check_database(settings, say)
        say(f"Serving on http://{f'[{address}]' if ':' in address else address}:{number}")
        for name in OWNER_VARIABLES:
            os.environ.pop(name, None)
        run(replace(settings, database_owner_url=None), address, number, reload=reload)


def _announcer(settings: Settings) -> Callable[[str], object]:
    """What tells of each step: lines for a person, or events where the logs are for machines."""
    import structlog

    from backend.logs import configure_logs

    configure_logs(settings)
    return click.echo if settings.log_format == "console" else structlog.get_logger("backend.serve").info


def _check_database(settings: Settings, say: Callable[[str], object]) -> None:
    from backend.prestart import prestart

    prestart(settings, say=say)
    say("PostgreSQL answers, and its role and schema are fit to serve from")


def _with_embedded_database(
    settings: Settings, say: Callable[[str], object], stack: ExitStack, interruption: Interruption
) -> Settings:
    """The settings with the URLs of the embedded PostgreSQL, migrated, which runs until `stack` is closed."""
    from backend.database.embedded import Embedded
    from backend.database.migrate import migrate

    with interruption.whole():
        embedded = Embedded.start(settings.data_dir, report=say)
        stack.callback(embedded.stop)
        stack.callback(interruption.hold)
    settings = replace(settings, database_url=embedded.runtime_url, database_owner_url=embedded.owner_url)
    migrate(settings, say)
    return settings
