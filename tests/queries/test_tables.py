"""Every table, also one that is new today: what the database decides, it decides for all of them.

What can be read in the catalogue is in `backend.checks.schema.row_security`; here it is tried.
"""

from typing import Final

import psycopg
import pytest
from litestar import Litestar
from psycopg import sql

from queries import items
from queries._fetch import Conn
from tests.database import Connection, context_of, rows
from tests.people import Person

# Tables without row security, and why that is right.
EXEMPT: Final = {"schema_migrations": "the owner's list of applied files: nobody's data, read to be ready"}

RUNTIME: Final = "lodestar_runtime"
OURS: Final = "relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_|^information_schema$')"


@pytest.fixture
async def tables(superuser: Connection, app: Litestar, ada: Person) -> list[str]:
    """All that hold somebody's data; of those that can be read, some is there."""
    await items.add(Conn(app.state.pool, context_of(app, ada)), "A lens", None)
    found = await rows(superuser, f"SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND {OURS}")
    names = {name for (name,) in found}
    assert names >= {"users", "sessions", "items", "audit_events", "throttles"}
    return sorted(names - set(EXEMPT))


@pytest.mark.checklist(42)
async def test_without_an_identity_there_are_no_rows(
    runtime: Connection, superuser: Connection, tables: list[str]
) -> None:
    shown = set()
    for table in tables:
        select = sql.SQL("SELECT FROM {}").format(sql.Identifier(table))
        try:
            assert (await runtime.execute(select)).rowcount == 0, table
            shown.add(table)
        except psycopg.errors.InsufficientPrivilege:
            continue
    for table in ("users", "sessions", "items"):
        assert table in shown
        assert (await superuser.execute(f"SELECT FROM {table}".encode())).rowcount > 0


@pytest.mark.checklist(42)
async def test_without_an_identity_nothing_is_written(runtime: Connection, tables: list[str]) -> None:
    for table in tables:
        name = sql.Identifier(table)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await runtime.execute(sql.SQL("INSERT INTO {} DEFAULT VALUES").format(name))
        try:
            assert (await runtime.execute(sql.SQL("DELETE FROM {}").format(name))).rowcount == 0, table
        except psycopg.errors.InsufficientPrivilege:
            continue
        for column in await updatable(runtime, table):
            update = sql.SQL("UPDATE {} SET {column} = {column}").format(name, column=sql.Identifier(column))
            assert (await runtime.execute(update)).rowcount == 0, (table, column)


async def updatable(runtime: Connection, table: str) -> list[str]:
    found = """
        SELECT attname FROM pg_attribute
        WHERE  attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
        AND    has_column_privilege(attrelid, attnum, 'UPDATE')
    """
    return [name for (name,) in await rows(runtime, found, table)]


async def test_nothing_is_granted_to_everybody(superuser: Connection) -> None:
    granted = f"""
        SELECT relname FROM pg_class, aclexplode(relacl) AS a WHERE a.grantee = 0 AND {OURS}
        UNION ALL
        SELECT attname FROM pg_class c JOIN pg_attribute ON attrelid = c.oid, aclexplode(attacl) AS a
        WHERE  a.grantee = 0 AND {OURS}
        UNION ALL
        SELECT nspname FROM pg_namespace, aclexplode(nspacl) AS a
        WHERE  a.grantee = 0 AND nspname !~ '^pg_|^information_schema$'
    """
    assert await rows(superuser, granted) == []


POLICY_COLUMNS: Final = """
SELECT p.polrelid::regclass::text AS table, a.attname AS column, a.attnum
FROM   pg_policy p
JOIN   pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.polrelid
JOIN   pg_attribute a ON a.attrelid = p.polrelid AND a.attnum = d.refobjsubid
WHERE  %s::regrole = ANY (p.polroles)
"""


async def test_a_policy_reads_the_identity_once_a_statement_and_finds_rows_by_index(
    runtime: Connection, superuser: Connection
) -> None:
    await runtime.execute("SET enable_seqscan = off")
    policies = await rows(superuser, POLICY_COLUMNS, RUNTIME)
    assert policies
    for table, column, _ in policies:
        explain = sql.SQL("EXPLAIN SELECT FROM {}").format(sql.Identifier(table))
        plan = [line.strip() for (line,) in await (await runtime.execute(explain)).fetchall()]
        assert any(line.startswith("InitPlan") for line in plan), plan
        assert any(line.startswith(f"Index Cond: ({column} = (InitPlan") for line in plan), plan
