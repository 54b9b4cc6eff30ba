"""Applies queries/migrations as the owner, each file once and never an edited one.

A few screens of our own instead of yoyo-migrations: see docs/decisions/0002-migrations.md.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psycopg
from msgspec import Struct
from psycopg import sql

from backend.database import roles
from backend.database.refusals import one_line, refuse_old
from backend.database.roles import Connection, Roles
from backend.operators import OperatorError
from backend.settings import Settings, conninfo

FOLDER: Final = Path(__file__).resolve().parents[2] / "queries" / "migrations"
LOCK: Final = 0x4C6F6465  # "Lode": one migration at a time in a database, whoever starts it.

# What runs in front of each file, in its transaction. Under FORCE a data migration would silently touch no row; with
# row_security off it raises instead. Behind a lock that is waited for, every request to the table queues: who waits for
# less than the default of STATEMENT_TIMEOUT leaves them their answers. A file that knows better sets its own.
BEFORE_EACH: Final = "SET LOCAL row_security = off; SET LOCAL lock_timeout = '4s';"

# The names of roles stand in the files as psql's variables, and like psql this leaves alone what is no code.
_TOKEN: Final = re.compile(
    r"""--[^\n]*  |  /\*.*?\*/       # comments
    |   '[^']*'  |  (\$\w*\$).*?\1   # strings and bodies
    |   ::                           # a cast is not the beginning of a variable
    |   :"(?P<variable>owner|gate|runtime)"
    |   "[^"]*"
    """,
    re.VERBOSE | re.DOTALL,
)
_ENDS_TRANSACTION: Final = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK)\s*;", re.IGNORECASE | re.MULTILINE)

_HISTORY: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text        PRIMARY KEY,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class File(Struct, frozen=True):
    """One migration: its name, its text, and the digest that notices an edit."""

    name: str
    text: str
    sha256: str


def files(folder: Path = FOLDER) -> list[File]:
    """In the order in which they are applied."""
    found = []
    for path in sorted(folder.glob("[0-9]*.sql")):
        content = path.read_bytes()
        found.append(File(path.name, content.decode(), hashlib.sha256(content).hexdigest()))
    return found


def plan(settings: Settings, folder: Path = FOLDER) -> list[str]:
    """The names of the files that `migrate` would apply. Raises OperatorError as it does; changes nothing."""
    with _owner(settings) as connection:
        return [file.name for file in _pending(connection, folder)]


def migrate(settings: Settings, say: Callable[[str], object] = lambda _: None, folder: Path = FOLDER) -> list[str]:
    """Applies what is pending, each file in a transaction of its own, and answers with their names.

    Raises OperatorError with one line: no connection, a superuser as owner, a missing right, an edited or failing file.
    """
    with _owner(settings) as connection:
        _take_turn(connection, say)
        pending = _pending(connection, folder)
        names = Roles.of(connection)
        roles.ensure(connection, names, settings.database_url or "")
        connection.execute(_HISTORY)
        for role in (names.runtime, names.gate):
            connection.execute(sql.SQL("GRANT SELECT ON schema_migrations TO {}").format(sql.Identifier(role)))
        for file in pending:
            say(f"migrating {file.name}")
            _apply(connection, file, names)
        return [file.name for file in pending]


def _take_turn(connection: Connection, say: Callable[[str], object]) -> None:
    """The lock ends with the connection, and so dies with whoever holds it."""
    if connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone() != (True,):
        say("waiting for another migration to end")
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))


def _pending(connection: Connection, folder: Path) -> list[File]:
    history = connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
    applied: dict[str, str] = {}
    if history and history[0]:
        applied = dict(connection.execute("SELECT name, sha256 FROM schema_migrations").fetchall())
    present = files(folder)
    if edited := [file.name for file in present if applied.get(file.name, file.sha256) != file.sha256]:
        raise OperatorError(f"{', '.join(edited)} was edited after it was applied; write a new migration instead")
    return [file for file in present if file.name not in applied]


def _apply(connection: Connection, file: File, names: Roles) -> None:
    if statement := _ENDS_TRANSACTION.search(file.text):
        raise OperatorError(f"{file.name} has a {statement[1]}, but each file is one transaction by itself")
    quoted = {name: sql.Identifier(getattr(names, name)).as_string(connection) for name in Roles.__struct_fields__}
    text = named(file.text, quoted)
    try:
        with connection.transaction():
            connection.execute(BEFORE_EACH.encode())
            connection.execute(text.encode())
            connection.execute("INSERT INTO schema_migrations (name, sha256) VALUES (%s, %s)", (file.name, file.sha256))
    except psycopg.Error as error:
        raise OperatorError(f"{file.name}{_line(text, error)} failed and was rolled back: {one_line(error)}") from None


def named(text: str, names: Mapping[str, str]) -> str:
    """The text of a file with these names, which are quoted, in the places of the variables `owner`, `gate`, `runtime`.

    It has as many lines as before.
    """
    return _TOKEN.sub(lambda token: names[token["variable"]] if token["variable"] else token[0], text)


@contextmanager
def _owner(settings: Settings) -> Iterator[Connection]:
    if settings.database_owner_url is None:
        raise OperatorError("DATABASE_OWNER_URL is needed to migrate")
    try:
        connection = psycopg.connect(conninfo(settings.database_owner_url, settings), autocommit=True)
    except psycopg.Error as error:
        raise OperatorError(f"cannot connect to DATABASE_OWNER_URL: {one_line(error)}") from None
    with connection:
        try:
            _prepare(connection)
            yield connection
        except psycopg.Error as error:
            raise OperatorError(f"the migration stopped: {one_line(error)}") from None


def _prepare(connection: Connection) -> None:
    refuse_old(connection.info)
    if connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,):
        raise OperatorError("the owner is a superuser, who passes by row security; use a role of its own")
    connection.execute("SET search_path = public")
    # If this process is killed in a long statement, the server would otherwise go on with it, and keep the lock.
    with suppress(psycopg.errors.InvalidParameterValue):  # Windows cannot do that.
        connection.execute("SET client_connection_check_interval = '1s'")


def _line(text: str, error: psycopg.Error) -> str:
    position = error.diag.statement_position
    return f":{text.count('\n', 0, int(position)) + 1}" if position else ""
