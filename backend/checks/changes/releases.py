"""What the last release promised, in `releases/`: during a rolling deploy its instances run on the new schema.

`statements.json` has its statements as they were described then, and the digests of its migrations; `openapi.json` its
contract, which `backend.checks.changes.contract` compares.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from msgspec import Struct

from backend import __version__
from backend.checks.allowances import Skipped
from backend.checks.changes.pointers import escaped, lines_of
from backend.checks.database import Connection, Database, Who
from backend.checks.findings import ROOT, Finding, shown
from backend.checks.statements.preparing import execution, preparation
from backend.checks.statements.reading import statements
from backend.database.migrate import FOLDER, files
from backend.database.refusals import one_line
from backend.operators import OperatorError
from queries._statements import parsed
from queries.claim import CLAIM
from queries.context import ENTER, IDLE

STATEMENTS: Final = ROOT / "releases" / "statements.json"
OPENAPI: Final = ROOT / "releases" / "openapi.json"

# What travels in front of the others.
_FRONT: Final[Mapping[str, tuple[str, list[Who]]]] = {
    "queries.claim.CLAIM": (CLAIM, ["runtime"]),
    "queries.context.ENTER": (ENTER, ["runtime", "owner"]),
    "queries.context.IDLE": (IDLE, ["runtime"]),
}
_TYPES: Final = """
SELECT parameter_types::text[], result_types::text[]
FROM   pg_prepared_statements
WHERE  name = %s
"""


class Promise(Struct, frozen=True):
    """A statement, line by line, and who runs it; its parameters and columns with their types, in order."""

    who: list[Who]
    text: list[str]
    parameters: dict[str, str]
    columns: dict[str, str]


class Release(Struct, frozen=True):
    """Migrations by name with their digests; statements by module and name."""

    version: str
    migrations: dict[str, str]
    statements: dict[str, Promise]


def check(database: Database, skipped: Skipped, file: Path = STATEMENTS, folder: Path = FOLDER) -> Iterator[Finding]:
    """What instances of the last release could not do any more. Raises OperatorError where its record is damaged."""
    if not file.is_file():
        skipped["rolling-deploy"] = f"there is no {shown(file)} here, so the last release is not compared"
        return
    text = file.read_text()
    try:
        release = msgspec.json.decode(text, type=Release)
    except msgspec.DecodeError as error:
        raise OperatorError(f"{shown(file)} cannot be read: {error}") from None
    lines = lines_of(text)
    for name, promise in release.statements.items():
        for reason in _broken(database, promise):
            sentence = f"{name} of release {release.version} {reason}: its instances would fail in a rolling deploy"
            yield Finding(shown(file), lines[f"/statements/{escaped(name)}"], "rolling-deploy", sentence, name)
    present = {one.name: one.sha256 for one in files(folder)}
    for name, sha256 in release.migrations.items():
        if present.get(name) != sha256:
            sentence = f"{name} is not what release {release.version} applied; write a new migration instead"
            yield Finding(shown(file), lines[f"/migrations/{escaped(name)}"], "rolling-deploy", sentence, name)


def _broken(database: Database, promise: Promise) -> Iterator[str]:
    for who in promise.who:
        try:
            now = _described(database, who, "\n".join(promise.text))
        except psycopg.Error as error:
            yield f"can no longer be run by the {who} ({one_line(error)})"
            return
        if list(now.parameters.items()) != list(promise.parameters.items()):
            yield f"took {_told(promise.parameters)} and now takes {_told(now.parameters)}"
        if list(now.columns.items()) != list(promise.columns.items()):
            yield f"gave {_told(promise.columns)} and now gives {_told(now.columns)}"


def _told(types: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in types.items()) or "nothing"


def record(database: Database, openapi: bytes) -> None:
    """Writes both files, or neither: this is the last release from now on. Raises OperatorError."""
    found: dict[str, tuple[str, list[Who]]] = {one.id: (one.text, [one.who]) for one in statements()}
    found.update(_FRONT)
    promises = {name: _promise(database, *found[name]) for name in sorted(found)}
    release = Release(__version__, {one.name: one.sha256 for one in files()}, promises)
    text = msgspec.json.format(msgspec.json.encode(release)) + b"\n"
    try:
        _write({STATEMENTS: text, OPENAPI: openapi})
    except OSError as error:
        raise OperatorError(f"{shown(STATEMENTS.parent)} cannot be written: {error.strerror}") from None


def _promise(database: Database, text: str, who: list[Who]) -> Promise:
    described = _described(database, who[0], text)
    return Promise(who, text.strip().splitlines(), described.parameters, described.columns)


def _write(contents: Mapping[Path, bytes]) -> None:
    drafts = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in contents}
    try:
        for path, content in contents.items():
            path.parent.mkdir(exist_ok=True)
            drafts[path].write_bytes(content)
        for path, draft in drafts.items():
            draft.replace(path)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


class _Description(Struct, frozen=True):
    parameters: dict[str, str]
    columns: dict[str, str]


def _described(database: Database, who: Who, text: str) -> _Description:
    """Prepared and planned as who runs it. Raises psycopg.Error."""
    statement = parsed(text)
    with database.acting(who) as connection:
        connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        connection.execute(preparation(statement))
        try:
            with connection.transaction(force_rollback=True):
                # Rights are not looked at before a statement begins to execute, and there EXPLAIN stops.
                connection.execute(b"EXPLAIN " + execution(statement, [b"NULL"] * len(statement.distinct)))
            return _description(connection, statement.name, statement.distinct)
        finally:
            connection.execute(b"DEALLOCATE " + statement.name)


def _description(connection: Connection, name: bytes, parameters: Sequence[str]) -> _Description:
    described = connection.pgconn.describe_prepared(name)
    columns = [(described.fname(number) or b"").decode() for number in range(described.nfields)]
    ((given, results),) = connection.execute(_TYPES.encode(), (name.decode(),)).fetchall()
    return _Description(dict(zip(parameters, given, strict=True)), dict(zip(columns, results or (), strict=True)))
