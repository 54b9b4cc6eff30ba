"""Which Python types a PostgreSQL type is read as, and which it takes: each row of the table is tried by a test."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from types import GenericAlias
from typing import Any, Final, get_origin
from uuid import UUID

from msgspec import Struct
from psycopg.types.json import Json, Jsonb

from backend.checks.nullability.lookups import Catalogue
from queries._arrays import TextArray


class Kind(Struct, frozen=True):
    """`gives` is all that a value may be read as, `takes` what may be passed beside that; `sample` is one of these.

    `labels` are those of an enum, which is read and passed as text.
    """

    name: str
    gives: tuple[Any, ...]
    sample: object
    takes: tuple[Any, ...] = ()
    labels: tuple[str, ...] = ()


_TIME: Final = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
_OF_JSON: Final = (dict, list, str, int, float, bool)

KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("bool", (bool,), True),
        Kind("int2", (int,), 1),
        Kind("int4", (int,), 1),
        Kind("int8", (int,), 1),
        Kind("oid", (int,), 1),
        Kind("float4", (float,), 1.5, (int,)),
        Kind("float8", (float,), 1.5, (int,)),
        Kind("numeric", (Decimal,), Decimal("1.5"), (int,)),
        Kind("text", (str,), "a"),
        Kind("varchar", (str,), "a"),
        Kind("bpchar", (str,), "a"),
        Kind("char", (str,), "a"),
        Kind("name", (str,), "a"),
        Kind("bytea", (bytes,), b"a"),
        Kind("uuid", (UUID,), UUID(int=1)),
        Kind("date", (date,), _TIME.date()),
        Kind("time", (time,), time(3, 4, 5, 6)),
        Kind("timetz", (time,), time(3, 4, 5, 6, tzinfo=UTC)),
        Kind("timestamp", (datetime,), _TIME.replace(tzinfo=None)),
        Kind("timestamptz", (datetime,), _TIME),
        Kind("interval", (timedelta,), timedelta(days=1, seconds=2)),
        Kind("inet", (IPv4Address, IPv6Address, IPv4Interface, IPv6Interface), "192.0.2.1", (str,)),
        Kind("cidr", (IPv4Network, IPv6Network), "192.0.2.0/24", (str,)),
        Kind("json", _OF_JSON, '{"a": 1}', (Json,)),
        Kind("jsonb", _OF_JSON, '{"a": 1}', (Jsonb,)),
    )
}
_JSON: Final = frozenset({"json", "jsonb"})
# Written as text by us: of any texts, so for these only.
_TEXT_ARRAYS: Final = frozenset({"text", "varchar"})


def kind_of(catalogue: Catalogue, oid: int) -> Kind | None:
    """Of a type by its OID: arrays, domains and enums by what they are made of. None: there is no row for it."""
    found = catalogue.types.get(oid)
    if found is None:
        return None
    if found.kind == "d":
        return kind_of(catalogue, found.base)
    if found.kind == "e":
        return Kind(found.name, (str,), found.labels[0], (), found.labels)
    return _array_of(catalogue, found.element) if found.element else KINDS.get(found.name)


def _array_of(catalogue: Catalogue, element: int) -> Kind | None:
    one = kind_of(catalogue, element)
    if one is None or one.name in _JSON:
        return None
    takes = tuple(GenericAlias(list, kind) for kind in one.takes)
    return Kind(
        f"{one.name}[]",
        tuple(GenericAlias(list, kind) for kind in one.gives),
        [one.sample],
        (*takes, TextArray) if one.name in _TEXT_ARRAYS else takes,
    )


def reads(kind: Kind, annotated: frozenset[Any]) -> bool:
    """Whether whatever is read is one of the types of the annotation; what is in JSON the annotation knows itself."""
    if annotated & {Any, object}:
        return True
    if kind.name in _JSON:
        return {get_origin(one) or one for one in annotated} <= set(kind.gives)
    return annotated >= set(kind.gives)


def takes(kind: Kind, annotated: frozenset[Any]) -> bool:
    """Whether each type of the annotation may be passed; of JSON only its text, or what psycopg calls so."""
    gives = {str} if kind.name in _JSON else set(kind.gives)
    return annotated <= gives | set(kind.takes)
