"""A statement with its values, as the text of a message: spelled out, or as EXECUTE of what was prepared before."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain, count, zip_longest
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import Struct
from psycopg import ProgrammingError
from psycopg.abc import Transformer

_PLACEHOLDER: Final = re.compile(r"%(?:\((\w+)\)s|(.?))", re.DOTALL)
_PREPARABLE: Final = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|MERGE|VALUES|WITH)\b[^;]*", re.IGNORECASE)

_ONE_SELECT: Final = re.compile(r"\s*SELECT\b[^;]*", re.IGNORECASE)

# What a statement is about: the function that it calls, or the first table that it names.
_SUBJECT: Final = re.compile(
    r"\s*SELECT\s+(?:\w+\.)?([a-z_]\w*)\(|.*?\b(?:FROM|INTO|UPDATE)\s+(?:\w+\.)?([a-z_]\w*)",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)

_numbers: Final = count(1)

type Asked = tuple[str, Mapping[str, object]]


class Cheap(str):
    """A statement that does nothing but read a few rows through an index.

    Concurrent callers who may only read can ask for it in one message, each behind an identity of their own. ValueError
    for anything but one SELECT: of several results it would not be clear whose they are.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> "Cheap":
        if not _ONE_SELECT.fullmatch(text):
            raise ValueError(f"only one SELECT can be shared: {text!r}")
        return super().__new__(cls, text)


class Statement(Struct, frozen=True):
    """The text around the values and the names of these, in the order of the text; `name` is its own, once prepared.

    `distinct` are the names in the order of PostgreSQL's numbers: a value that is used twice is sent once.
    """

    pieces: Sequence[bytes]
    names: Sequence[str]
    distinct: Sequence[str]
    name: bytes
    preparable: bool

    def spelled(self, literals: Sequence[bytes]) -> bytes:
        """The text with something in the places of the values, of which there is one for each distinct name."""
        by_name = dict(zip(self.distinct, literals, strict=True))
        values = [by_name[name] for name in self.names]
        return b"".join(chain.from_iterable(zip_longest(self.pieces, values, fillvalue=b"")))

    def preparation(self) -> bytes:
        """PREPARE leaves the types of the values to PostgreSQL, as it does with literals."""
        numbers = [b"$%d" % number for number in range(1, len(self.distinct) + 1)]
        return b"PREPARE %s AS %s" % (self.name, self.spelled(numbers))

    def execution(self, literals: Sequence[bytes]) -> bytes:
        """EXECUTE with the values."""
        return b"EXECUTE %s(%s)" % (self.name, b",".join(literals)) if literals else b"EXECUTE %s" % self.name


class Message(NamedTuple):
    """What travels, and the statements that it prepares on its way; their results come first."""

    text: bytes
    prepares: Sequence[Statement]


@cache  # Statements are constants, so this grows no larger than the code.
def parsed(text: str) -> Statement:
    """Raises ProgrammingError for a `%` that stands for nothing; a literal one is `%%`, as everywhere in psycopg."""
    pieces, names, piece, end = [], [], "", 0
    if "--" in text:
        text += "\n"  # Where a comment at the end ends, and not with what follows in the message.
    for found in _PLACEHOLDER.finditer(text):
        piece += text[end : found.start()]
        end = found.end()
        if found[1]:
            pieces.append(piece.encode())
            names.append(found[1])
            piece = ""
        elif found[2] == "%":
            piece += "%"
        else:
            raise ProgrammingError(f"only %(name)s and %% are placeholders: {found[0]!r}")
    pieces.append((piece + text[end:]).encode())
    return Statement(pieces, names, list(dict.fromkeys(names)), _name_of(text), bool(_PREPARABLE.fullmatch(text)))


def _name_of(text: str) -> bytes:
    """A name by which an operator recognises the statement in pg_stat_activity and in PostgreSQL's log."""
    found = _SUBJECT.match(text)
    subject = (found[1] or found[2]).lower() if found else "statement"
    return f"{subject[:40]}_{next(_numbers)}".encode()


def composed(asked: Sequence[Asked], transformer: Transformer, prepared: set[bytes] | None) -> Message:
    """One message of the simple protocol. With `prepared`, the names of what is, it prepares what is not yet.

    Raises ProgrammingError for a value that is missing, or of a type that PostgreSQL has no literal for.
    """
    texts: list[bytes] = []
    fresh: dict[bytes, Statement] = {}
    for text, parameters in asked:
        statement = parsed(text)
        literals = _literals(statement, parameters, transformer)
        if prepared is None or not statement.preparable:
            texts.append(statement.spelled(literals))
            continue
        if statement.name not in prepared:
            fresh[statement.name] = statement
        texts.append(statement.execution(literals))
    preparations = (statement.preparation() for statement in fresh.values())
    return Message(b";".join((*preparations, *texts)), list(fresh.values()))


def _literals(statement: Statement, parameters: Mapping[str, object], transformer: Transformer) -> list[bytes]:
    try:
        values = [parameters[name] for name in statement.distinct]
    except KeyError as missing:
        raise ProgrammingError(f"the statement wants a value for {missing}") from None
    # Ids are most of what travels, and there is nothing to escape in them: a fifth of what psycopg takes for one.
    return [b"'%032x'::uuid" % value.int if type(value) is UUID else transformer.as_literal(value) for value in values]
