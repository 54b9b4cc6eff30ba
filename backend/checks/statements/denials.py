"""Which right is missing: PostgreSQL says of what, its tree says of which columns."""

from collections.abc import Iterator
from typing import Final

import psycopg

from backend.checks.database import Connection
from backend.checks.findings import Finding
from backend.checks.statements.reading import Statement
from backend.checks.trees import Node

# Of PostgreSQL's numbers for columns in such a set, the first that is no system column's stands for 0.
_OFFSET: Final = 7
_INSERT, _SELECT, _UPDATE, _DELETE = 1, 2, 4, 8
_SETS: Final = (
    ("SELECT", _SELECT, "selectedCols"),
    ("INSERT", _INSERT, "insertedCols"),
    ("UPDATE", _UPDATE, "updatedCols"),
)

_COLUMN: Final = """
SELECT a.attrelid::regclass::text, a.attname
FROM   pg_attribute a
WHERE  a.attrelid = %s AND a.attnum = %s AND NOT has_column_privilege(a.attrelid, a.attnum, %s)
"""
_TABLE: Final = """
SELECT c.oid::regclass::text
FROM   pg_class c
WHERE  c.oid = %s AND NOT has_table_privilege(c.oid, %s)
"""


def denied(connection: Connection, statement: Statement, tree: Node, error: psycopg.Error) -> Iterator[Finding]:
    """A finding for each column or table, or PostgreSQL's own words where it is something else."""
    found = [one for node in tree.walk() if node.kind == "RTEPERMISSIONINFO" for one in _missing(connection, node)]
    for what in dict.fromkeys(found) or [error.diag.message_primary]:
        sentence = f"{statement.id} is run by the {statement.who} role, which has no right to it: {what}"
        yield Finding(statement.file, statement.line, "denied", sentence, statement.id)


def _missing(connection: Connection, wanted: Node) -> Iterator[str]:
    for right, bit, columns in _SETS:
        for number in wanted[columns] or []:
            if wanted["requiredPerms"] & bit:
                values = (wanted["relid"], number - _OFFSET, right)
                for table, column in connection.execute(_COLUMN, values).fetchall():
                    yield f"{right} {column} of {table}"
    if wanted["requiredPerms"] & _DELETE:
        for (table,) in connection.execute(_TABLE, (wanted["relid"], "DELETE")).fetchall():
            yield f"DELETE of rows of {table}"
