"""What the catalogue says of columns, functions, operators and types, read once for a whole check."""

from functools import cached_property
from typing import Any, Final

from msgspec import Struct

from backend.checks.database import Database
from backend.checks.trees import Node, read

# The first OID that is not PostgreSQL's own.
_FIRST_OF_OURS: Final = 16384

# PostgreSQL 18 also notes as NOT NULL what is not validated yet. Of foreign tables it is only a promise.
_NOT_NULL: Final = """
SELECT a.attrelid, a.attnum
FROM   pg_attribute a
JOIN   pg_class c ON c.oid = a.attrelid
JOIN   pg_type t ON t.oid = a.atttypid
WHERE  a.attnum > 0 AND c.relkind IN ('r', 'p')
AND    (a.attnotnull OR t.typnotnull)
AND    NOT EXISTS (SELECT FROM pg_constraint n
                   WHERE  n.conrelid = a.attrelid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum]
                   AND    NOT n.convalidated)
"""
_FUNCTIONS: Final = """
SELECT oid, proname, proisstrict, proretset, proargtypes::oid[], pronargs, coalesce(proargnames, '{}'),
       prosqlbody::text, proargdefaults::text
FROM   pg_proc
"""
_TYPES: Final = """
SELECT t.oid, t.typname, t.typtype, t.typbasetype, CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END,
       array(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
FROM   pg_type t
WHERE  t.typtype IN ('b', 'd', 'e', 'p')
"""
_VIEWS: Final = """
SELECT r.ev_class, r.ev_action::text
FROM   pg_rewrite r
JOIN   pg_class c ON c.oid = r.ev_class
WHERE  c.relkind = 'v' AND c.oid >= %s
"""
# Rows that a trigger may keep from being inserted: BEFORE (2), of a row (1), on INSERT (4).
_TRIGGERED: Final = """
SELECT DISTINCT tgrelid FROM pg_trigger WHERE tgtype & 7 = 7 AND NOT tgisinternal
"""


class Function(Struct, frozen=True):
    """`body` and `defaults` are trees in text; a body there is of SQL-standard functions only."""

    oid: int
    name: str
    strict: bool
    returns_set: bool
    types: tuple[int, ...]
    arity: int
    names: tuple[str, ...]
    body: str | None
    defaults: str | None

    @property
    def built_in(self) -> bool:
        return self.oid < _FIRST_OF_OURS


class Type(Struct, frozen=True):
    """`base` is that of a domain, `element` that of an array, `labels` are those of an enum."""

    name: str
    kind: str
    base: int
    element: int
    labels: tuple[str, ...]


class Catalogue:
    """Each part is read when it is asked for first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._trees: dict[str, Any] = {}

    @cached_property
    def not_null(self) -> frozenset[tuple[int, int]]:
        """Tables and numbers of columns that are never NULL."""
        return frozenset((table, column) for table, column in self._database.rows(_NOT_NULL))

    @cached_property
    def functions(self) -> dict[int, Function]:
        return {
            oid: Function(oid, name, strict, returns_set, tuple(types), arity, tuple(names), body, defaults)
            for oid, name, strict, returns_set, types, arity, names, body, defaults in self._database.rows(_FUNCTIONS)
        }

    @cached_property
    def operators(self) -> dict[int, str]:
        """The names of those that are PostgreSQL's own."""
        return dict(self._database.rows("SELECT oid, oprname FROM pg_operator WHERE oid < %s", _FIRST_OF_OURS))

    @cached_property
    def types(self) -> dict[int, Type]:
        return {
            oid: Type(name, kind, base, element, tuple(labels))
            for oid, name, kind, base, element, labels in self._database.rows(_TYPES)
        }

    @cached_property
    def views(self) -> dict[int, str]:
        """The trees of those that are not PostgreSQL's own, in text."""
        return dict(self._database.rows(_VIEWS, _FIRST_OF_OURS))

    @cached_property
    def triggered(self) -> frozenset[int]:
        """Tables with a trigger that may keep a row from being inserted."""
        return frozenset(table for (table,) in self._database.rows(_TRIGGERED))

    def strict(self, function: int) -> bool:
        """Whether it gives NULL as soon as one of its arguments is."""
        found = self.functions.get(function)
        return found is not None and found.strict

    def tree(self, text: str) -> Any:
        """As `trees.read`, and only once for each text."""
        if text not in self._trees:
            self._trees[text] = read(text)
        return self._trees[text]

    def last_query(self, text: str) -> Node | None:
        """What a body or a view gives: its last statement."""
        last = self.tree(text)
        while isinstance(last, list):
            last = last[-1] if last else None
        return last if isinstance(last, Node) and last.kind == "QUERY" else None
