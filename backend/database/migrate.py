"""Applies queries/migrations as the owner, each file once and never an edited one.

Forty lines of our own instead of yoyo-migrations: see docs/decisions/0002-migrations.md.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from msgspec import Struct
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from backend.internal import OperatorError
from backend.settings import Settings, conninfo

FOLDER: Final = Path(__file__).resolve().parents[2] / "queries" / "migrations"
_LOCK: Final = 0x4C6F6465  # "Lode": one migration at a time in a database, whoever starts it.
_VARIABLE: Final = re.compile(r':"(owner|gate|runtime)"')

_HISTORY: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text        PRIMARY KEY,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""

type Connection = psycopg.Connection[tuple[Any, ...]]


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
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        roles = _roles(connection, settings)
        pending = _pending(connection, folder)
        connection.execute(_HISTORY)
        for name in (roles["runtime"], roles["gate"]):
            connection.execute(sql.SQL("GRANT SELECT ON schema_migrations TO {}").format(sql.Identifier(name)))
        for file in pending:
            say(f"migrating {file.name}")
            _apply(connection, file, roles)
        return [file.name for file in pending]


def _pending(connection: Connection, folder: Path) -> list[File]:
    history = connection.execute("SELECT to_regclass('public.schema_migrations') IS NOT NULL").fetchone()
    applied: dict[str, str] = {}
    if history and history[0]:
        applied = dict(connection.execute("SELECT name, sha256 FROM schema_migrations").fetchall())
    present = files(folder)
    if edited := [file.name for file in present if applied.get(file.name, file.sha256) != file.sha256]:
        raise OperatorError(f"{', '.join(edited)} was edited after it was applied; write a new migration instead")
    return [file for file in present if file.name not in applied]


def _apply(connection: Connection, file: File, roles: dict[str, str]) -> None:
    def quoted(variable: re.Match[str]) -> str:
        return sql.Identifier(roles[variable[1]]).as_string(connection)

    try:
        with connection.transaction():
            # Under FORCE a data migration would silently touch no row; with this it raises instead.
            connection.execute("SET LOCAL row_security = off")
            connection.execute(_VARIABLE.sub(quoted, file.text).encode())
            connection.execute("INSERT INTO schema_migrations (name, sha256) VALUES (%s, %s)", (file.name, file.sha256))
    except psycopg.Error as error:
        raise OperatorError(f"{file.name} failed and was rolled back: {_one_line(error)}") from error


@contextmanager
def _owner(settings: Settings) -> Iterator[Connection]:
    if settings.database_owner_url is None:
        raise OperatorError("DATABASE_OWNER_URL is needed to migrate")
    try:
        connection = psycopg.connect(conninfo(settings.database_owner_url, settings), autocommit=True)
    except psycopg.OperationalError as error:
        raise OperatorError(f"cannot connect as the owner: {_one_line(error)}") from error
    with connection:
        if connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,):
            raise OperatorError("the owner is a superuser, who passes by row security; use a role of its own")
        yield connection


def _roles(connection: Connection, settings: Settings) -> dict[str, str]:
    """Names of owner, gate and runtime; creates what is missing."""
    database, owner = connection.info.dbname, connection.info.user
    roles = {"owner": owner, "gate": f"{database}_gate", "runtime": f"{database}_runtime"}
    for name in (roles["gate"], roles["runtime"]):
        if not _exists(connection, name):
            _ask(connection, sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
    if connection.execute("SELECT pg_has_role(%s, 'SET')", (roles["gate"],)).fetchone() != (True,):
        _ask(connection, _grant("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE", roles["gate"], owner))
    if settings.database_url is not None:
        _login(connection, settings.database_url, roles)
    return roles


def _login(connection: Connection, url: str, roles: dict[str, str]) -> None:
    parts = conninfo_to_dict(url)
    login = str(parts.get("user", ""))
    if login == roles["owner"]:
        raise OperatorError("DATABASE_URL logs in as the owner, whom migrations alone should use")
    if not _exists(connection, login):
        create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        _ask(connection, create.format(sql.Identifier(login), sql.Literal(parts.get("password"))), login)
    if connection.execute("SELECT pg_has_role(%s, %s, 'USAGE')", (login, roles["runtime"])).fetchone() != (True,):
        _ask(connection, _grant("GRANT {} TO {}", roles["runtime"], login))


def _grant(statement: str, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*map(sql.Identifier, names))


def _ask(connection: Connection, statement: sql.Composed, login: str | None = None) -> None:
    try:
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        # The statement is repeated for whoever may run it; that of a login has a password in it, and is not.
        wanted = f'CREATE ROLE "{login}" LOGIN PASSWORD ...' if login else statement.as_string(connection)
        raise OperatorError(f"the owner may not do this; a DBA must run: {wanted}") from error


def _exists(connection: Connection, role: str) -> bool:
    return connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None


def _one_line(error: psycopg.Error) -> str:
    return " ".join(str(error.diag.message_primary or error).split())
