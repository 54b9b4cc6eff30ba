"""The types that a field can have: in PostgreSQL, in Python, in a body, and in the examples of documents and tests."""

from typing import Final

from msgspec import Struct

# PostgreSQL compares what it has indexed, and refuses a key of more than 2,704 bytes; 200 characters are 800 at most.
SHORT: Final = 200
LONG: Final = 2000
# Beyond this a reader of JSON that has nothing but floats is no longer exact (RFC 8259, 6).
_EXACT: Final = 2**53 - 1


class Kind(Struct, frozen=True):
    """`bounds` are those of a body, None where the type says it all. `check` is what a column holds beyond its type.

    Values are written as they stand in code: `example` of a row, in the documentation; `sent` and `other` in JSON.
    `nth` makes one from `number`, `random` one like no other. `extremes` are just within the bounds; `refused` are
    values and how each is named.
    """

    word: str
    column: str
    python: str
    example: str
    sent: str
    other: str
    nth: str
    random: str
    refused: tuple[tuple[str, str], ...]
    extremes: tuple[str, ...] = ()
    bounds: str | None = None
    body: str | None = None
    check: str | None = None


def _integer(word: str, low: int, high: int, check: str | None = None) -> Kind:
    """Always 64 bits wide: a column of 32 that runs out has to be rewritten while everybody waits."""
    return Kind(
        word=word,
        column="bigint",
        python="int",
        example="7",
        sent="7",
        other="12",
        nth="number",
        random="secrets.randbelow(2**31)",
        refused=(('"seven"', "invalid"), ("1.5", "invalid"), (f"{high + 1:_}", "out_of_range")),
        extremes=(f"{low:_}", f"{high:_}"),
        bounds=f"Annotated[int, Meta(ge={low:_}, le={high:_})]",
        check=check,
    )


_TEXT: Final = Kind(
    word="text",
    column="text",
    python="str",
    example='"A lens"',
    sent='"A lens"',
    other='"A mirror"',
    nth='f"Number {number}"',
    random='unlike("A lens")',
    refused=(("7", "invalid"), (r'"A\0lens"', "invalid")),
)
_BOOL: Final = Kind(
    word="bool",
    column="boolean",
    python="bool",
    example="True",
    sent="True",
    other="False",
    nth="",
    random="",
    refused=(('"yes"', "invalid"), ("1", "invalid")),
)
_FLOAT: Final = Kind(
    word="float",
    column="double precision",
    python="float",
    example="1.5",
    sent="1.5",
    other="2.25",
    nth="number / 8",
    random="secrets.randbelow(2**31) / 8",
    refused=(('"much"', "invalid"),),
    extremes=("-1.7976931348623157e308", "5e-324"),
    # What is no number, or infinite, has no JSON.
    bounds="Annotated[float, Meta(ge=-1.7976931348623157e308, le=1.7976931348623157e308)]",
    check="{name} NOT IN ('NaN', 'Infinity', '-Infinity')",
)
_DECIMAL: Final = Kind(
    word="decimal",
    column="numeric",
    python="Decimal",
    example='Decimal("12.50")',
    sent='"12.50"',
    other='"-0.25"',
    nth="str(number)",
    random="str(secrets.randbelow(2**31))",
    refused=(("12.5", "invalid"), ('"NaN"', "invalid"), ('"1e3"', "invalid"), ('"0.0000001"', "invalid")),
    extremes=('"-999999999999.999999"', '"0.000001"'),
    body="Digits",
    check="abs({name}) < 1e12 AND scale({name}) <= 6",
)
_DATE: Final = Kind(
    word="date",
    column="date",
    python="date",
    example="_NOON.date()",
    sent='"2026-11-23"',
    other='"1815-12-10"',
    nth="date.fromordinal(number + 1).isoformat()",
    random="date.fromordinal(secrets.randbelow(3_000_000) + 1).isoformat()",
    refused=(('"yesterday"', "invalid"), ('"2026-02-30"', "invalid"), ("7", "invalid")),
    extremes=('"0001-01-01"', '"9999-12-31"'),
    check="{name} BETWEEN '0001-01-01' AND '9999-12-31'",
)
_UUID: Final = Kind(
    word="uuid",
    column="uuid",
    python="UUID",
    example="_ID",
    sent='"019aaed4-7c32-7b1f-9a30-5f0c1d2e3f40"',
    other='"019aaed3-1f08-7c55-8b1e-0a9b8c7d6e5f"',
    nth="str(UUID(int=number))",
    random="str(uuid4())",
    refused=(('"7"', "invalid"), ("7", "invalid")),
)

KINDS: Final = {
    kind.word: kind
    for kind in (
        _TEXT,
        _integer("int", -_EXACT, _EXACT, f"{{name}} BETWEEN -{_EXACT} AND {_EXACT}"),
        _integer("bigint", -(2**63), 2**63 - 1),
        _BOOL,
        _FLOAT,
        _DECIMAL,
        _DATE,
        _UUID,
    )
}

# What somebody might look for, and why it is not there.
_TIMES: Final = "times that are shown have six digits, and what a client sends need not have them; write that by hand"
MISSING: Final = {
    "datetime": _TIMES,
    "timestamptz": _TIMES,
    "json": "the shape of JSON would be nobody's contract; write that by hand",
}
