"""Every way to weaken the schema by one step, made from the catalogue, and what notices it.

Each is applied in the transaction of a superuser that is rolled back. `python -m tests.checks.mutations` prints them.
"""

from collections.abc import Iterator
from typing import Final

import psycopg
from msgspec import Struct

from backend.checks.allowances import allowances
from backend.checks.database import Connection, Database
from backend.checks.findings import Finding
from backend.checks.plans import planning
from backend.checks.schema import gate, row_security
from backend.settings import Settings
from tests.checks.outcomes import Outcome, Row, tallied
from tests.checks.tampered import Tampered, tampering, untampered


class Mutation(Struct, frozen=True):
    """`of` is the table or the function that it changes; `kind` says what sort of change it is."""

    kind: str
    of: str
    change: str


# What changes nothing that the house relies on.
EQUIVALENT: Final = {
    "DROP INDEX audit_events_user_id_idx": "nothing but a person reads the trail",
    "REVOKE SELECT ON schema_migrations FROM lodestar_gate": "the gate has no function that looks at the migrations",
}

_TABLES: Final = """
SELECT CASE what WHEN 1 THEN 'drop FORCE' ELSE 'drop ENABLE' END, c.relname,
       format('ALTER TABLE %I %s ROW LEVEL SECURITY', c.relname, CASE what WHEN 1 THEN 'NO FORCE' ELSE 'DISABLE' END)
FROM   pg_class c, generate_series(1, 2) AS what
WHERE  c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
AND    CASE what WHEN 1 THEN c.relforcerowsecurity ELSE c.relrowsecurity END
UNION ALL
SELECT 'drop a policy', tablename, format('DROP POLICY %I ON %I', policyname, tablename)
FROM   pg_policies
UNION ALL
SELECT 'WITH CHECK (true)', tablename, format('ALTER POLICY %I ON %I WITH CHECK (true)', policyname, tablename)
FROM   pg_policies
WHERE  cmd IN ('ALL', 'INSERT', 'UPDATE') AND with_check IS DISTINCT FROM 'true'
UNION ALL
SELECT 'drop an index', i.indrelid::regclass::text,
       CASE WHEN conname IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
            ELSE format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', i.indrelid::regclass, conname) END
FROM   pg_index i
JOIN   pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
LEFT JOIN pg_constraint ON conindid = i.indexrelid AND contype IN ('p', 'u', 'x')
"""
_RIGHTS: Final = """
SELECT 'revoke a right', c.relname,
       format('REVOKE %s ON %I FROM %s', a.privilege_type, c.relname, a.grantee::regrole)
FROM   pg_class c, aclexplode(c.relacl) AS a
WHERE  c.relnamespace = 'public'::regnamespace AND a.grantee <> c.relowner
UNION ALL
SELECT 'revoke a column', c.relname,
       format('REVOKE %s (%I) ON %I FROM %s', a.privilege_type, attname, c.relname, a.grantee::regrole)
FROM   pg_class c
JOIN   pg_attribute ON attrelid = c.oid, aclexplode(attacl) AS a
WHERE  c.relnamespace = 'public'::regnamespace AND a.grantee <> c.relowner
"""
_FUNCTIONS: Final = """
SELECT kind, p.oid::regprocedure::text, format(change, p.oid::regprocedure)
FROM   pg_proc p, (VALUES ('reset search_path', 'ALTER FUNCTION %s RESET search_path'),
                          ('grant to PUBLIC', 'GRANT EXECUTE ON FUNCTION %s TO PUBLIC'),
                          ('change the owner', 'ALTER FUNCTION %s OWNER TO CURRENT_USER'),
                          ('SECURITY INVOKER', 'ALTER FUNCTION %s SECURITY INVOKER')) AS way (kind, change)
WHERE  p.pronamespace = 'gate'::regnamespace
AND    CASE kind WHEN 'reset search_path' THEN array_to_string(p.proconfig, ';') LIKE '%%search_path=%%'
                 WHEN 'SECURITY INVOKER' THEN p.prosecdef
                 ELSE true END
"""


def generated(superuser: Connection) -> list[Mutation]:
    """All of them, the same ones in the same order for the same schema."""
    with superuser.transaction(force_rollback=True):
        superuser.execute("SET LOCAL search_path = public")
        found = [superuser.execute(one.encode()).fetchall() for one in (_TABLES, _RIGHTS, _FUNCTIONS)]
    return sorted((Mutation(*row) for rows in found for row in rows), key=lambda one: (one.of, one.kind, one.change))


def findings(tampered: Tampered, mutation: Mutation) -> Iterator[Finding]:
    """But for those that are allowed. A right is looked for where it is used; plans are made anew of what names it."""

    def planned(database: Database) -> Iterator[Finding]:
        return planning.check(database, about=mutation.of.partition("(")[0])

    order = [row_security.check, gate.check, planned]
    for check in order[::-1] if mutation.kind.startswith("revoke") else order:
        for finding in check(tampered):
            if not any(one.covers(finding) for one in allowances()):
                yield finding


def outcome(superuser: Connection, database: Database, mutation: Mutation) -> tuple[Outcome, Finding | None]:
    """What became of it, and the first that was found."""
    try:
        with tampering(superuser, database, mutation.change) as tampered:
            found = next(findings(tampered, mutation), None)
    except psycopg.Error:
        return "alone", None
    if found:
        return "found", found
    return ("equivalent" if mutation.change in EQUIVALENT else "missed"), None


def rows(settings: Settings, superuser_url: str) -> list[Row]:
    """Runs all of them on the database that the settings name; a server's superuser sees and changes it."""
    with untampered(settings, superuser_url) as (superuser, database):
        every = sorted(generated(superuser), key=lambda one: one.kind)
        return tallied((one.kind, one.change, outcome(superuser, database, one)[0]) for one in every)
