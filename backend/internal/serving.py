"""`backend serve`: brings up what is missing, then serves."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import rich_click as click

from backend.settings import Settings


class Interruption:
    """SIGTERM and SIGINT until granian takes them over: they end the command, but cut no step in two."""

    def __init__(self) -> None:
        self._held = False
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        first, self._asked = not self._asked, True
        if first and not self._held:
            raise SystemExit(0)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Runs a step to its end before a signal that came meanwhile ends the command."""
        self._held = True
        yield
        self._held = False
        if self._asked:
            raise SystemExit(0)

    def hold(self) -> None:
        """From now on nothing is cut short: the command is ending already."""
        self._held = True


@click.command(epilog="Example: backend serve --host 0.0.0.0 --port 8080 --workers 4")
@click.option("--host", help="The address to listen on, instead of HOST.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port to listen on, instead of PORT.")
@click.option("--workers", type=click.IntRange(1, 512), help="How many processes answer, instead of WORKERS.")
@click.option("--reload", is_flag=True, help="Start anew when a file below backend/ or queries/ changes.")
def serve(host: str | None, port: int | None, workers: int | None, reload: bool) -> None:
    """Serve the API.

    In development without DATABASE_URL it brings up a PostgreSQL of its own and migrates it; otherwise it waits
    for the configured one and checks it. SIGTERM and Ctrl-C end it within SHUTDOWN_TIMEOUT.
    """
    from backend.server import claimed_port, run

    interruption = Interruption()
    # By way of the environment, which the workers read as well.
    given = {"HOST": host, "PORT": port, "WORKERS": workers}
    os.environ |= {name: str(value) for name, value in given.items() if value is not None}
    settings = Settings.read()
    with ExitStack() as stack:
        address, number = stack.enter_context(claimed_port(settings.host, settings.port))
        if settings.database_url is None:
            settings = _with_embedded_database(settings, stack, interruption)
        else:
            _check_database(settings)
        # No worker is ever to hold the owner's password.
        for name in ("DATABASE_OWNER_URL", "DATABASE_OWNER_URL_FILE"):
            os.environ.pop(name, None)
        shown = f"[{address}]" if ":" in address else address
        click.echo(f"Serving on http://{shown}:{number}")
        run(settings, address, number, reload=reload)


def _check_database(settings: Settings) -> None:
    from backend.prestart import prestart

    prestart(settings)


def _with_embedded_database(settings: Settings, stack: ExitStack, interruption: Interruption) -> Settings:
    """The settings with the URLs of the embedded PostgreSQL, migrated, which runs until `stack` is closed."""
    from backend.database.embedded import Embedded
    from backend.database.migrate import migrate

    with interruption.whole():
        embedded = Embedded.start(settings.data_dir, report=click.echo)
        stack.callback(embedded.stop)
        stack.callback(interruption.hold)
    os.environ |= {"DATABASE_URL": embedded.runtime_url, "DATABASE_OWNER_URL": embedded.owner_url}
    settings = Settings.read()
    migrate(settings, click.echo)
    return settings
