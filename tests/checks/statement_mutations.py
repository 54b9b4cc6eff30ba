"""Statements that are a little wrong, made from those that are right: each change in each place, none picked."""

import ast
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple, get_args, get_origin
from uuid import UUID

import psycopg
from msgspec import Struct, defstruct
from msgspec.structs import fields, replace

from backend.checks.allowances import allowances
from backend.checks.database import Database
from backend.checks.findings import Finding
from backend.checks.nullability.lookups import Catalogue
from backend.checks.statements.columns import check_columns
from backend.checks.statements.comparing import check_statement, nullable_parameters
from backend.checks.statements.front import claiming, entering
from backend.checks.statements.preparing import Prepared, forget
from backend.checks.statements.reading import Call, Statement, statements
from queries._fetch import inner_of
from queries._statements import Cheap
from tests.checks.outcomes import Outcome, Row, tallied
from tests.checks.texts import dropped, lists_of, swapped

# A field is made each of these in turn, beside `object`.
_KINDS: Final = (bool, int, str, bytes, UUID)


class Mutation(NamedTuple):
    """`statement` is wrong in its text or in its call, or `shape` is the Struct that it is to fill."""

    kind: str
    what: str
    statement: Statement
    shape: type[Struct] | None = None
    equivalent: str | None = None


def mutations() -> Iterator[Mutation]:
    """Of every statement there is, and of what travels in front."""
    for statement in (*statements(), entering(), claiming()):
        yield from _of_columns(statement)
        yield from _of_parameters(statement)
        if shape := statement.shape:
            yield from _of_fields(statement, shape)


def _of_columns(statement: Statement) -> Iterator[Mutation]:
    text = str(statement.text)
    for columns in lists_of(text):
        by_name = columns.after == "RETURNING" and columns.nested
        reason = "WITH gives its columns by their names" if by_name else None
        for number, place in enumerate(columns.items):
            what = f"{statement.id}: {text[slice(*place)].strip()} ({columns.after} {number + 1})"
            yield Mutation("column dropped", what, _rewritten(statement, dropped(text, columns, number)))
            if number:
                changed = swapped(text, columns.items[number - 1], place)
                yield Mutation("columns swapped", what, _rewritten(statement, changed), None, reason)


def _of_parameters(statement: Statement) -> Iterator[Mutation]:
    """In each place of the text, also to a name that there is; and in the call."""
    text, names = str(statement.text), [str(name) for name in statement.call.keywords]
    for number, name in enumerate(names):
        written = f"%({name})s"
        at = text.find(written)
        while at >= 0:
            for other in dict.fromkeys((f"{name}_", names[number - 1])):
                if other != name:
                    changed = f"{text[:at]}%({other})s{text[at + len(written) :]}"
                    what = f"{statement.id}: {name} to {other}"
                    yield Mutation("parameter renamed", what, _rewritten(statement, changed))
            at = text.find(written, at + 1)
        arguments = [_renamed(one) if one.arg == name else one for one in statement.call.arguments]
        yield Mutation("parameter renamed", f"{statement.id}: {name} in the call", _calling(statement, arguments))


def _renamed(keyword: ast.keyword) -> ast.keyword:
    return ast.keyword(f"{keyword.arg}_", keyword.value)


def _calling(statement: Statement, arguments: list[ast.keyword]) -> Statement:
    call: Call = replace(statement.call, arguments=arguments)
    return replace(statement, calls=[call])


def _rewritten(statement: Statement, text: str) -> Statement:
    return replace(statement, text=text)


def _of_fields(statement: Statement, shape: type[Struct]) -> Iterator[Mutation]:
    """Of the Struct, and of the one that it begins with."""
    inner = inner_of(shape)
    for struct in (shape, inner) if inner else (shape,):
        for field in fields(struct):
            what = f"{statement.id}: {struct.__name__}.{field.name}"
            optional = type(None) in get_args(field.type)
            plain = next(one for one in get_args(field.type) if one is not type(None)) if optional else field.type
            if optional:
                yield Mutation("field not optional", what, statement, _changed(shape, struct, field.name, plain))
            if plain is inner:
                continue
            for kind in (*_KINDS, object):
                if kind is not plain:
                    changed = _changed(shape, struct, field.name, kind | None if optional else kind)
                    reason = "object is whatever is read" if kind is object else None
                    yield Mutation("field of another type", f"{what}: {kind.__name__}", statement, changed, reason)


def _changed(shape: type[Struct], struct: type[Struct], name: str, annotation: Any) -> type[Struct]:
    """The shape with another annotation of a field, of its own or of the Struct that it begins with."""
    given = [(one.encode_name, annotation if one.name == name else one.type) for one in fields(struct)]
    changed = defstruct((get_origin(struct) or struct).__name__, given, frozen=True)
    if struct is shape:
        return changed
    first = fields(shape)[0].type
    row = changed | None if type(None) in get_args(first) else changed
    return defstruct(
        (get_origin(shape) or shape).__name__,
        [(one.encode_name, row if place == 0 else one.type) for place, one in enumerate(fields(shape))],
        frozen=True,
    )


def outcome(database: Database, catalogue: Catalogue, mutation: Mutation) -> Outcome:
    """Who notices: Python or PostgreSQL by itself, or `check` with the right file and line."""
    statement = mutation.statement
    try:
        if isinstance(_original(statement).text, Cheap):
            Cheap(statement.text)
    except ValueError:
        return "alone"
    if mutation.shape is None and not _is_prepared(database, statement):
        return "alone"
    found = _found(database, catalogue, mutation)
    lines = range(statement.line, (statement.call.function.end_lineno or 0) + 1)
    if any(one.file == statement.file and one.line in lines and one.of == statement.id for one in found):
        return "found"
    return "equivalent" if mutation.equivalent and not found else "missed"


def _original(statement: Statement) -> Statement:
    return next((one for one in statements() if one.id == statement.id), statement)


def _is_prepared(database: Database, statement: Statement) -> bool:
    with database.acting(statement.who) as connection:
        try:
            with connection.transaction():
                Prepared.of(connection, statement)
        except psycopg.Error:
            return False
        forget(connection, statement)
    return True


def _found(database: Database, catalogue: Catalogue, mutation: Mutation) -> list[Finding]:
    """Of another Struct only what is said about columns, for nothing else is about it, and nothing that is allowed."""
    statement = mutation.statement
    if mutation.shape is None:
        found = check_statement(database, catalogue, statement)
    else:
        parameters = nullable_parameters(statement, statement.call)
        found = list(
            check_columns(statement, mutation.shape, _prepared_of(database, statement.id), catalogue, parameters)
        )
    return [one for one in found if not any(allowance.covers(one) for allowance in allowances())]


@cache
def _prepared_of(database: Database, statement_id: str) -> Prepared:
    statement = next(one for one in statements() if one.id == statement_id)
    with database.acting(statement.who) as connection:
        prepared = Prepared.of(connection, statement)
        forget(connection, statement)
    return prepared


def rows(database: Database) -> list[Row]:
    """The table's lines of statements, with what is missed."""
    catalogue = Catalogue(database)
    return tallied((one.kind, one.what, outcome(database, catalogue, one)) for one in mutations())
