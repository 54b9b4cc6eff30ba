"""The table of types: what it says is what psycopg does, by the way that the statements go."""

from typing import Any, get_args, get_origin

import pytest
from litestar import Litestar
from msgspec import defstruct

from backend.checks.database import Database
from backend.checks.nullability.lookups import Catalogue
from backend.checks.statements.types import KINDS, Kind, kind_of, reads, takes
from queries._arrays import TextArray, text_array
from queries._fetch import Conn, fetch_one
from queries.context import Context

Value: Any = defstruct("Value", [("value", object)])

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
# Beside a sample of each: other values of the same row, and what they are passed as.
MORE = {
    "float4": [1],
    "float8": [1],
    "numeric": [1],
    "int8": [2**40],
    "inet": ["2001:db8::1", "192.0.2.1/24", "2001:db8::1/64"],
    "cidr": ["2001:db8::/32"],
    "json": ["[1]", '"a"', "1", "1.5", "true"],
    "jsonb": ["[1]", '"a"', "1", "1.5", "true"],
}


async def back(app: Litestar, type_name: str, value: object) -> object:
    """The value after it has been there, both prepared and spelled out, which come to the same."""
    text = f"SELECT %(value)s::{type_name} AS value"
    once = await fetch_one(Conn(app.state.pool, Context(5000)), Value, text, value=value)
    read: object = once.value
    return read


def is_one_of(value: object, kinds: tuple[Any, ...]) -> bool:
    """Of these very types, for True is no int here; of a list also what is in it."""
    return any(
        type(value) is (get_origin(kind) or kind) and all(is_one_of(one, get_args(kind)) for one in value)
        if get_origin(kind) is list
        else type(value) is kind
        for kind in kinds
    )


@every_kind
async def test_a_value_is_read_as_the_table_says(kind: Kind, app: Litestar) -> None:
    name = f'"{kind.name}"' if kind.name == "char" else kind.name
    for value in (kind.sample, *MORE.get(kind.name, [])):
        assert is_one_of(value, (*kind.gives, *kind.takes, str))
        assert is_one_of(await back(app, name, value), kind.gives)


@every_kind
async def test_arrays_are_lists_of_the_same(kind: Kind, app: Litestar, catalogue: Catalogue) -> None:
    number = next(oid for oid, one in catalogue.types.items() if one.element and one.name == f"_{kind.name}")
    array = kind_of(catalogue, number)
    if kind.name in ("json", "jsonb"):
        assert array is None
        return
    assert array
    name = '"char"[]' if kind.name == "char" else f"{kind.name}[]"
    assert is_one_of(await back(app, name, array.sample), array.gives)


@every_kind
async def test_every_type_that_a_value_may_be_read_as_is_met(kind: Kind, app: Litestar) -> None:
    name = f'"{kind.name}"' if kind.name == "char" else kind.name
    met = {type(await back(app, name, value)) for value in (kind.sample, *MORE.get(kind.name, []))}
    assert met == set(kind.gives)


@pytest.mark.parametrize("name", ["json", "jsonb"])
async def test_json_is_passed_as_psycopg_wraps_it(name: str, app: Litestar) -> None:
    (wrapper,) = KINDS[name].takes
    assert await back(app, name, wrapper({"a": [1]})) == {"a": [1]}


async def test_an_array_of_texts_is_passed_as_its_text(app: Litestar) -> None:
    assert await back(app, "text[]", text_array(['a "b" \\', None, ""])) == ['a "b" \\', None, ""]


@pytest.mark.parametrize(
    ("name", "annotated", "read", "taken"),
    [
        ("int4", {int}, True, True),
        ("int4", {bool}, False, False),
        ("int4", {str}, False, False),
        ("int4", {int, str}, True, False),
        ("int4", {object}, True, False),
        ("float8", {int}, False, True),
        ("timestamptz", {type(None)}, False, False),
        ("inet", {str}, False, True),
        ("jsonb", {dict}, True, False),
        ("jsonb", {bytes}, False, False),
        ("jsonb", {str}, True, True),
        ("_text", {list[str]}, True, True),
        ("_text", {TextArray}, False, True),
        ("_text", {str}, False, False),
        ("_int8", {TextArray}, False, False),
        ("_int8", {list[int]}, True, True),
    ],
)
def test_an_annotation_fits_or_does_not(
    name: str, annotated: set[Any], read: bool, taken: bool, catalogue: Catalogue
) -> None:
    kind = kind_of(catalogue, next(oid for oid, one in catalogue.types.items() if one.name == name))
    assert kind
    assert reads(kind, frozenset(annotated)) is read
    assert takes(kind, frozenset(annotated)) is taken


def test_domains_and_enums_are_what_they_are_made_of(checked: Database) -> None:
    with checked.acting("owner") as connection:
        connection.execute("CREATE DOMAIN amount AS integer; CREATE TYPE mood AS ENUM ('glad', 'sad')")
        found = Catalogue(checked)
        kinds = {one.name: kind_of(found, oid) for oid, one in found.types.items()}
    assert kinds["amount"] == KINDS["int4"]
    assert kinds["mood"] == Kind("mood", (str,), "glad", (), ("glad", "sad"))
    assert kinds["_mood"] == Kind("mood[]", (list[str],), ["glad"])
    assert kinds["void"] is None
