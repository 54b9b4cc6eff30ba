"""`backend database`: the URL of the database, and psql on it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import rich_click as click
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from backend.operators import OperatorError
from backend.settings import Settings


class Database(NamedTuple):
    """Where it is, and the folder of the binaries that came with it."""

    url: str
    binaries: Path | None


@click.group(epilog='Example: backend database psql -c "\\d items"')
def database() -> None:
    """Reach the embedded or the configured database, as its owner."""


@database.command(epilog="Example: pg_dump $(backend database url) > lodestar.sql")
def url() -> None:
    """Print the database's URL, with its password.

    It is DATABASE_OWNER_URL, or DATABASE_URL where no owner is configured. An embedded server that does not
    run is started for a moment, so that its port is certain.
    """
    with _database() as found:
        click.echo(found.url)


@database.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog='Example: backend database psql -c "\\d items"',
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the database, or hand ARGUMENTS to it.

    The role is that of `backend database url`. Row security binds it too, so to it the tables look empty. An embedded
    server that does not run is started meanwhile.
    """
    with _database() as found:
        program = str(found.binaries / "psql") if found.binaries else shutil.which("psql")
        if program is None:
            raise OperatorError("psql is not on the PATH: install PostgreSQL's client programs.")
        sys.exit(_run(program, found.url, arguments))


def _run(program: str, url: str, arguments: tuple[str, ...]) -> int:
    # The password goes by the environment: everybody on the machine can read a command line.
    parts = conninfo_to_dict(url)
    password = parts.pop("password", None)
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    # Ctrl-C cancels a query in psql and is nothing to us, who have a server to stop afterwards.
    signal.signal(signal.SIGINT, lambda *_: None)
    command = [program, "-d", make_conninfo("", **parts), *arguments]
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603  # psql, for its owner.


@contextmanager
def _database() -> Iterator[Database]:
    settings = Settings.read()
    configured = settings.database_owner_url or settings.database_url
    if configured is not None:
        yield Database(configured, None)
        return
    from backend.database.embedded import Embedded

    with Embedded.start(settings.data_dir) as embedded:
        yield Database(embedded.owner_url, embedded.cluster.binaries.folder)
