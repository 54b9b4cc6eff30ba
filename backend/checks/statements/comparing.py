"""Every statement, prepared as it travels by the role that runs it, and compared with its function and its Struct."""

from collections.abc import Iterator

import psycopg
from msgspec import Struct

from backend.checks.database import Connection, Database
from backend.checks.findings import Finding
from backend.checks.nullability.lookups import Catalogue
from backend.checks.nullability.rows import surely_gives_a_row
from backend.checks.nullability.scopes import SELECT, Nullable, Scope, targets
from backend.checks.statements.columns import check_columns, check_shape
from backend.checks.statements.crossed import check_places
from backend.checks.statements.denials import denied
from backend.checks.statements.front import check_front, claiming, entering
from backend.checks.statements.parameters import check_names, check_types, given, samples
from backend.checks.statements.preparing import Prepared, forget, planned, preparation_of, refusal
from backend.checks.statements.reading import Call, Statement, statements
from backend.checks.statements.texts import check_text
from backend.checks.statements.usage import check_modules, check_uses
from queries._statements import parsed


def check(database: Database) -> Iterator[Finding]:
    """All that is wrong with the statements, and with what travels in front of them."""
    catalogue = Catalogue(database)
    yield from check_modules()
    for statement in statements():
        yield from check_uses(statement)
        yield from check_statement(database, catalogue, statement)
    for statement in (entering(), claiming()):
        yield from check_statement(database, catalogue, statement)
    yield from check_front(database)


def check_statement(
    database: Database, catalogue: Catalogue, statement: Statement, shape: type[Struct] | None = None
) -> list[Finding]:
    """What is wrong with one of them; with `shape`, if it filled that Struct and not its own."""
    found = list(check_text(statement))
    if any(one.code in ("glued", "unpreparable") for one in found):
        return found
    for call in statement.calls:
        found += check_names(statement, call)
        found += check_shape(statement, call)
    if any(one.code == "unreadable-shape" for one in found):
        return found
    with database.acting(statement.who) as connection:
        try:
            with connection.transaction():
                prepared = Prepared.of(connection, statement)
        except psycopg.Error as error:
            return [*found, refusal(statement, error, preparation_of(statement))]
        try:
            for call in statement.calls:
                found += _of_call(statement, call, prepared, catalogue, shape or statement.shape_of(call))
                found += _values(connection, statement, call, prepared, catalogue)
        finally:
            forget(connection, statement)
    return list(dict.fromkeys(found))


def _of_call(
    statement: Statement, call: Call, prepared: Prepared, catalogue: Catalogue, shape: type[Struct] | None
) -> Iterator[Finding]:
    yield from check_types(statement, call, prepared, catalogue)
    yield from check_places(statement, call, prepared, catalogue)
    tree, parameters = prepared.tree, nullable_parameters(statement, call)
    if shape:
        yield from check_columns(statement, shape, prepared, catalogue, parameters)
    elif tree["commandType"] == SELECT and not targets(tree) and not tree["rtable"]:
        yield Finding(statement.file, statement.line, "idle", f"{statement.id} asks for nothing", statement.id)
    if call.fetch == "fetch_one" and not surely_gives_a_row(Scope(tree, catalogue)):
        sentence = f"{call.function.name}() counts on a row, and {statement.id} may give none"
        yield Finding(statement.file, call.line, "no-row", sentence, statement.id)


def nullable_parameters(statement: Statement, call: Call) -> Nullable:
    """Which parameters may be NULL, by PostgreSQL's numbers."""
    names, annotations = parsed(statement.text).distinct, given(statement, call)

    def nullable(number: int) -> bool:
        annotation = annotations.get(names[number - 1])
        return annotation is None or annotation.optional

    return nullable


def _values(
    connection: Connection, statement: Statement, call: Call, prepared: Prepared, catalogue: Catalogue
) -> Iterator[Finding]:
    """What PostgreSQL says once there are values; and rights, which PREPARE does not ask for."""
    for values in samples(statement, call, prepared, catalogue):
        try:
            planned(connection, statement, values)
        except psycopg.errors.InsufficientPrivilege as error:
            yield from denied(connection, statement, prepared.tree, error)
        except psycopg.Error as error:
            yield refusal(statement, error, "")
