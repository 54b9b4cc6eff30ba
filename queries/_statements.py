"""A statement with its values: in a message, its text prepared before or on the way, or spelled out in one text."""

import re
from collections.abc import Mapping, Sequence, Set
from functools import cache
from itertools import chain, count, zip_longest
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import Struct
from psycopg import ProgrammingError
from psycopg.abc import Buffer, Transformer
from psycopg.adapt import PyFormat
from psycopg.pq.abc import PGconn

_PLACEHOLDER: Final = re.compile(r"%(?:\((\w+)\)s|(.?))", re.DOTALL)
# An isolation level must be the first thing in a transaction, so before anything is prepared in it.
_PREPARABLE: Final = re.compile(r"\s*(?:(?:SELECT|INSERT|UPDATE|DELETE|MERGE|VALUES|WITH)\b[^;]*|BEGIN)", re.IGNORECASE)

# Calls whose results PostgreSQL sends without waiting for those of the others: a reader works on some while it computes
# the next. Each such request costs it a send, and the reader a look at the socket.
_AHEAD: Final = 16

_ONE_SELECT: Final = re.compile(r"\s*SELECT\b[^;]*", re.IGNORECASE)

# What a statement is about: the function that it calls, the transaction, or the first table that it names.
_SUBJECT: Final = re.compile(
    r"\s*(?:SELECT\s+(?:\w+\.)?(?=\w+\()|(?=BEGIN\b)|.*?\b(?:FROM|INTO|UPDATE)\s+(?:\w+\.)?)([a-z_]\w*)",
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

    `distinct` are the names in the order of PostgreSQL's numbers: a value that is used twice is sent once. `numbered`
    is the text with these numbers, as it is prepared: the types of the values are left to PostgreSQL.
    """

    pieces: Sequence[bytes]
    names: Sequence[str]
    distinct: Sequence[str]
    name: bytes
    numbered: bytes
    preparable: bool

    def spelled(self, literals: Sequence[bytes]) -> bytes:
        """The text with something in the places of the values, of which there is one for each distinct name."""
        by_name = dict(zip(self.distinct, literals, strict=True))
        return _joined(self.pieces, [by_name[name] for name in self.names])

    def values(self, parameters: Mapping[str, object]) -> list[object]:
        """Raises ProgrammingError for one that is missing."""
        try:
            return list(map(parameters.__getitem__, self.distinct))
        except KeyError as missing:
            raise ProgrammingError(f"the statement wants a value for {missing}") from None


class Text(NamedTuple):
    """One message of the simple protocol."""

    text: bytes
    prepares: Sequence[Statement] = ()

    def send(self, pgconn: PGconn) -> None:
        pgconn.send_query(self.text)


class Pipeline(NamedTuple):
    """One message of the extended protocol: statements that it prepares, and calls, by name and values, of what is.

    Each has one result, in this order, and so has the only Sync, which ends the implicit transaction. From the
    beginning to there libpq's connection is in its pipeline mode.
    """

    prepares: Sequence[Statement]
    calls: Sequence[tuple[bytes, Sequence[Buffer | None]]]

    def send(self, pgconn: PGconn) -> None:
        pgconn.enter_pipeline_mode()
        for statement in self.prepares:
            pgconn.send_prepare(statement.name, statement.numbered)
        for number, (name, values) in enumerate(self.calls):
            if number and number % _AHEAD == 0:
                pgconn.send_flush_request()
            pgconn.send_query_prepared(name, values)
        pgconn.pipeline_sync()


type Message = Text | Pipeline


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
    distinct = list(dict.fromkeys(names))
    numbered = _joined(pieces, [b"$%d" % (distinct.index(name) + 1) for name in names])
    return Statement(pieces, names, distinct, _name_of(text), numbered, bool(_PREPARABLE.fullmatch(text)))


def _joined(pieces: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    return b"".join(chain.from_iterable(zip_longest(pieces, values, fillvalue=b"")))


def _name_of(text: str) -> bytes:
    """A name by which an operator recognises the statement in PostgreSQL's log and in pg_prepared_statements."""
    found = _SUBJECT.match(text)
    subject = found[1].lower() if found else "statement"
    return f"{subject[:40]}_{next(_numbers)}".encode()


def composed(asked: Sequence[Asked], transformer: Transformer, prepared: Set[bytes] | None) -> Message:
    """With `prepared`, the names of what is, a pipeline that prepares what is not yet; otherwise all is spelled out.

    So it is when there is a statement that PostgreSQL cannot prepare. Raises ProgrammingError for a value that is
    missing, or of a type that PostgreSQL has no text for; DataError for a text with a NUL.
    """
    wanted = [(statement := parsed(text), statement.values(parameters)) for text, parameters in asked]
    if prepared is None or not all(statement.preparable for statement, _ in wanted):
        literals = ([transformer.as_literal(value) for value in values] for _, values in wanted)
        return Text(b";".join(map(Statement.spelled, (statement for statement, _ in wanted), literals)))
    fresh = {statement.name: statement for statement, _ in wanted if statement.name not in prepared}
    return Pipeline(
        list(fresh.values()), [(statement.name, texts_of(values, transformer)) for statement, values in wanted]
    )


def texts_of(values: Sequence[object], transformer: Transformer) -> list[Buffer | None]:
    """The values as they travel to what is prepared. Ids are most of them, and psycopg takes twice the time for one."""
    return [
        b"%032x" % value.int
        if type(value) is UUID
        else None
        if value is None
        else transformer.get_dumper(value, PyFormat.TEXT).dump(value)
        for value in values
    ]
