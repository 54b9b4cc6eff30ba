"""What the catalogue says of tables and views that are ours, and neither PostgreSQL's nor an extension's."""

from functools import cached_property
from typing import Final, Literal

from msgspec import Struct

from backend.checks.schema.vocabulary import Vocabulary
from backend.checks.trees import Node, read

type Command = Literal["SELECT", "INSERT", "UPDATE", "DELETE"]

EVERYBODY: Final = "public"  # As policies and rights name PUBLIC; no role can be called so.
COMMANDS: Final[tuple[Command, ...]] = ("SELECT", "INSERT", "UPDATE", "DELETE")

_TABLES: Final = """
SELECT c.oid, concat_ws('.', nullif(n.nspname, 'public'), c.relname), c.relkind, pg_get_userbyid(c.relowner),
       c.relrowsecurity, c.relforcerowsecurity,
       EXISTS (SELECT FROM pg_options_to_table(c.reloptions)
               WHERE  option_name = 'security_invoker' AND option_value::boolean),
       (SELECT coalesce(jsonb_object_agg(attnum, attname), '{}') FROM pg_attribute
        WHERE  attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
       c.reltuples
FROM   pg_class c
JOIN   pg_namespace n ON n.oid = c.relnamespace
WHERE  c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND    NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
ORDER BY 2
"""

_POLICIES: Final = """
SELECT polrelid, polname, polpermissive,
       CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' END,
       ARRAY(SELECT CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role)::text END FROM unnest(polroles) AS role),
       polqual::text, polwithcheck::text
FROM   pg_policy
ORDER BY polname
"""

_INDEXES: Final = """
SELECT i.indrelid, c.relname, i.indkey::int2[], i.indnkeyatts, i.indisunique, i.indisprimary, i.indpred IS NOT NULL,
       i.indexprs::text, ARRAY(SELECT opcfamily FROM unnest(i.indclass::oid[]) WITH ORDINALITY AS class (oid, place)
                               JOIN pg_opclass o ON o.oid = class.oid ORDER BY place)::bigint[]
FROM   pg_index i
JOIN   pg_class c ON c.oid = i.indexrelid
JOIN   pg_class t ON t.oid = i.indrelid
JOIN   pg_namespace n ON n.oid = t.relnamespace
WHERE  i.indisvalid AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 2
"""

_RIGHTS: Final = """
SELECT c.oid, NULL, CASE grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee)::text END, privilege_type
FROM   pg_class c, aclexplode(c.relacl)
UNION ALL
SELECT attrelid, attname, CASE grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee)::text END, privilege_type
FROM   pg_attribute, aclexplode(attacl)
WHERE  attnum > 0
"""

_FOREIGN_KEYS: Final = """
SELECT conrelid, conname, conkey
FROM   pg_constraint
WHERE  contype = 'f'
ORDER BY conname
"""


class Table(Struct, frozen=True):
    """`kind` as in pg_class: r and p are tables, v and m views. `invoker`: a view that looks with its reader's rights.

    `written` are the columns by their numbers, which are texts in JSON. `rows` are as many as PostgreSQL
    plans with, and -1 where it has not counted.
    """

    oid: int
    name: str
    kind: str
    owner: str
    enabled: bool
    forced: bool
    invoker: bool
    written: dict[str, str]
    rows: float

    @property
    def columns(self) -> dict[int, str]:
        """The names by their numbers."""
        return {int(number): name for number, name in self.written.items()}

    @property
    def is_view(self) -> bool:
        return self.kind in ("v", "m")


class Policy(Struct, frozen=True):
    """`command` is None for all of them. USING and WITH CHECK are trees; None where they are not written."""

    table: int
    name: str
    permissive: bool
    command: Command | None
    roles: list[str]
    using: Node | None
    check: Node | None

    def is_for(self, command: Command, role: str) -> bool:
        return self.command in (None, command) and (role in self.roles or EVERYBODY in self.roles)


class Index(Struct, frozen=True):
    """`keys` are numbers of columns, or the trees of expressions; `families` the operator family of each."""

    table: int
    name: str
    keys: list[int | Node]
    families: list[int]
    unique: bool
    primary: bool
    partial: bool

    def leads_with(self, column: int) -> bool:
        """For any row: a partial index has but some of them."""
        return self.keys[0] == column and not self.partial


class Right(Struct, frozen=True):
    """`column` is None for the whole table."""

    table: int
    column: str | None
    role: str
    privilege: str


class ForeignKey(Struct, frozen=True):
    table: int
    name: str
    columns: list[int]


class Catalogue(Vocabulary):
    """Each part is read when it is first asked for."""

    @cached_property
    def relations(self) -> dict[int, Table]:
        """Tables and views, by their oids."""
        return {oid: Table(oid, *row) for oid, *row in self.ask(_TABLES)}

    @property
    def tables(self) -> list[Table]:
        return [one for one in self.relations.values() if not one.is_view]

    @cached_property
    def policies(self) -> list[Policy]:
        return [
            Policy(table, name, permissive, command, roles, using and read(using), check and read(check))
            for table, name, permissive, command, roles, using, check in self.ask(_POLICIES)
        ]

    def policies_of(self, table: Table) -> list[Policy]:
        return [one for one in self.policies if one.table == table.oid]

    @cached_property
    def indexes(self) -> list[Index]:
        found = []
        for table, name, columns, count, unique, primary, partial, trees, families in self.ask(_INDEXES):
            expressions = iter(read(trees) if trees else [])
            keys = [column or next(expressions) for column in columns[:count]]
            found.append(Index(table, name, keys, families, unique, primary, partial))
        return found

    def indexes_of(self, table: Table) -> list[Index]:
        return [one for one in self.indexes if one.table == table.oid]

    @cached_property
    def rights(self) -> list[Right]:
        """On what is ours. What an owner has by being the owner is not granted, and not among them."""
        rights = [Right(*row) for row in self.ask(_RIGHTS)]
        return [one for one in rights if one.table in self.relations and one.role != self.relations[one.table].owner]

    def rights_on(self, table: Table) -> list[Right]:
        return [one for one in self.rights if one.table == table.oid]

    @cached_property
    def foreign_keys(self) -> list[ForeignKey]:
        return [ForeignKey(*row) for row in self.ask(_FOREIGN_KEYS) if row[0] in self.relations]
