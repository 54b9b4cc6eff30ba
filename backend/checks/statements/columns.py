"""Names, order and types of a statement's columns against the fields of its Struct, and which of them may be NULL."""

import ast
from collections.abc import Iterator
from inspect import signature
from itertools import zip_longest
from typing import get_origin

from msgspec import Struct
from msgspec.structs import fields

from backend.checks.findings import Finding
from backend.checks.nullability.expressions import nullable_columns
from backend.checks.nullability.lookups import Catalogue
from backend.checks.nullability.scopes import Nullable
from backend.checks.statements.annotations import Annotation, annotation_of
from backend.checks.statements.preparing import Prepared
from backend.checks.statements.reading import Call, Statement
from backend.checks.statements.types import Kind, kind_of, reads
from queries._fetch import inner_of


class Place(Struct, frozen=True):
    """A field for a column: `path` as Item.title. One of the Struct within is there or not with that whole."""

    name: str
    path: str
    annotation: Annotation
    maybe_absent: bool = False


def places(shape: type[Struct]) -> list[Place]:
    """In the order of the columns: a Struct that it begins with takes its own first, as for `row_maker`."""
    inner, named = inner_of(shape), (get_origin(shape) or shape).__name__
    outer = fields(shape)
    own = [Place(one.encode_name, f"{named}.{one.name}", annotation_of(one.type)) for one in outer]
    if inner is None:
        return own
    absent = own[0].annotation.optional
    first = [
        Place(one.encode_name, f"{inner.__name__}.{one.name}", annotation_of(one.type), absent) for one in fields(inner)
    ]
    return first + own[1:]


def check_shape(statement: Statement, call: Call) -> Iterator[Finding]:
    """Whether what is to be filled is a Struct that rows can be put into, column after column."""
    try:
        shape = statement.shape_of(call)
        inner = inner_of(shape) if shape else None
    except (TypeError, IndexError):  # No Struct, or one without fields.
        sentence = f"{ast.unparse(call.shape) if call.shape else ''} is no Struct with fields beside {statement.id}"
        yield Finding(statement.file, call.line, "unreadable-shape", sentence, statement.id)
        return
    for one in (get_origin(shape) or shape, inner):
        if one and any(place.kind is place.KEYWORD_ONLY for place in signature(one).parameters.values()):
            sentence = f"{one.__name__} is kw_only, and {statement.id} fills it column after column"
            yield Finding(statement.file, call.line, "columns", sentence, statement.id)
    if inner and annotation_of(fields(inner)[0].type).optional:
        sentence = (
            f"{inner.__name__}.{fields(inner)[0].name} may be None, by which {statement.id} tells that there is none"
        )
        yield Finding(statement.file, call.line, "nullable", sentence, statement.id)


def check_columns(
    statement: Statement, shape: type[Struct], prepared: Prepared, catalogue: Catalogue, parameters: Nullable
) -> Iterator[Finding]:
    """Types and NULL are looked at where the names are right."""
    wanted = places(shape)
    if wrong := _misnamed(wanted, [name for name, _ in prepared.columns]):
        yield Finding(statement.file, statement.line, "columns", f"of {statement.id} {wrong}", statement.id)
        return
    for place, (name, oid) in zip(wanted, prepared.columns, strict=True):
        if wrong := _mistyped(place, kind_of(catalogue, oid), catalogue, oid):
            sentence = f"the column {name} of {statement.id} is {wrong} and {place.path} is {place.annotation}"
            yield Finding(statement.file, statement.line, "column-type", sentence, statement.id)
    of_all = nullable_columns(prepared.tree, catalogue, parameters, row_is_there=False)
    of_rows = nullable_columns(prepared.tree, catalogue, parameters, row_is_there=True)
    for place, anywhere, in_rows in zip(wanted, of_all, of_rows, strict=True):
        if (in_rows if place.maybe_absent else anywhere) and not place.annotation.optional:
            sentence = f"the column {place.name} of {statement.id} may be NULL and {place.path} is not optional"
            yield Finding(statement.file, statement.line, "nullable", sentence, statement.id)


def _misnamed(wanted: list[Place], columns: list[str]) -> str | None:
    """The first that differs."""
    for number, (place, column) in enumerate(zip_longest(wanted, columns), 1):
        if place is None:
            return f"the column {number} is {column} , for which there is no field"
        if column != place.name:
            return f"the column {number} is {column or 'not there'} and the field there is {place.path}"
    return None


def _mistyped(place: Place, kind: Kind | None, catalogue: Catalogue, oid: int) -> str | None:
    if kind is None:
        named = catalogue.types[oid].name if oid in catalogue.types else str(oid)
        return f"{named} , which has no row in backend/checks/statements/types.py ,"
    if not reads(kind, place.annotation.kinds):
        return kind.name
    if place.annotation.values and not set(kind.labels) <= place.annotation.values:
        return f"{kind.name} , which has {sorted(set(kind.labels) - place.annotation.values)} as well,"
    return None
