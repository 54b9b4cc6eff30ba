"""A statement as PostgreSQL understands it: prepared as it travels, by the role that runs it."""

from collections.abc import Sequence
from typing import Any

import psycopg
from msgspec import Struct
from psycopg.adapt import Transformer
from psycopg.pq import Escaping, ExecStatus

from backend.checks.database import Connection
from backend.checks.findings import Finding
from backend.checks.statements.reading import Statement
from backend.checks.trees import Node, analysed
from queries._statements import Statement as Parsed
from queries._statements import parsed, texts_of

_UNDERSTOOD = (ExecStatus.COMMAND_OK,)


class Prepared(Struct, frozen=True):
    """Its tree, the OIDs of the types of its parameters by their names, and its columns with those of theirs."""

    tree: Node
    parameters: dict[str, int]
    columns: list[tuple[str, int]]

    @classmethod
    def of(cls, connection: Connection, statement: Statement) -> "Prepared":
        """Leaves it prepared on the connection. Raises `psycopg.Error`."""
        asked = parsed(statement.text)
        tree = analysed(connection, preparation(asked))
        described = connection.pgconn.describe_prepared(asked.name)
        assert described.status in _UNDERSTOOD
        return cls(
            tree,
            {name: described.param_type(number) for number, name in enumerate(asked.distinct)},
            [((described.fname(n) or b"").decode(), described.ftype(n)) for n in range(described.nfields)],
        )


def forget(connection: Connection, statement: Statement) -> None:
    """What is prepared outlives its transaction, so it is not left behind. In a failed one the connection is over."""
    connection.execute(b"DEALLOCATE " + parsed(statement.text).name)


def planned(connection: Connection, statement: Statement, values: dict[str, Any]) -> None:
    """Has it planned with these values, sent to what is prepared and, as behind a pooler, spelled out in the text.

    To what is prepared values travel as texts, of whatever type it wants: a literal without a type is just that.
    Raises `psycopg.Error`, also where rights are missing, for these are looked at before anything is run.
    """
    asked, transformer = parsed(statement.text), Transformer(connection)
    given = asked.values(values)
    untyped = [
        b"NULL" if text is None else Escaping(connection.pgconn).escape_literal(text)
        for text in texts_of(given, transformer)
    ]
    spelled = [transformer.as_literal(value) for value in given]
    for text in (execution(asked, untyped), asked.spelled(spelled)):
        with connection.transaction(force_rollback=True):
            connection.execute(b"EXPLAIN " + text)


def refusal(statement: Statement, error: psycopg.Error, of: str) -> Finding:
    """What PostgreSQL has against it, in its own words, and the line if it names one.

    Its position counts the characters of a text in which the lines are those of the statement.
    """
    position = int(error.diag.statement_position or 1)
    line = statement.text_line + of.count("\n", 0, position - 1)
    said = error.diag.message_primary or str(error)
    return Finding(statement.file, line, "refused", f"PostgreSQL refuses {statement.id}: {said}", statement.id)


def preparation_of(statement: Statement) -> str:
    """The text in which PostgreSQL counts."""
    return preparation(parsed(statement.text)).decode()


def preparation(statement: Parsed) -> bytes:
    """As SQL, what a message prepares."""
    return b"PREPARE %s AS %s" % (statement.name, statement.numbered)


def execution(statement: Parsed, literals: Sequence[bytes]) -> bytes:
    """As SQL, a call of what is prepared."""
    return b"EXECUTE %s(%s)" % (statement.name, b",".join(literals)) if literals else b"EXECUTE %s" % statement.name
