"""Every table, also one that is new today: what the database decides, it decides for all of them."""

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
GATE: Final = "lodestar_gate"
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
async def test_row_security_is_forced_on_every_table_but_those_named(superuser: Connection) -> None:
    unforced = f"""
        SELECT relname FROM pg_class
        WHERE  relkind IN ('r', 'p') AND {OURS} AND NOT (relrowsecurity AND relforcerowsecurity)
    """
    assert {name for (name,) in await rows(superuser, unforced)} == set(EXEMPT)


@pytest.mark.checklist(44)
async def test_a_policy_of_the_runtime_role_says_the_same_of_what_is_read_and_of_what_is_written(
    superuser: Connection,
) -> None:
    policies = await rows(superuser, "SELECT policyname, roles::text[], cmd, qual, with_check FROM pg_policies")
    assert policies
    for name, roles, command, using, check in policies:
        assert roles in ([RUNTIME], [GATE]), name
        if roles == [RUNTIME]:
            assert command == "ALL", name
            assert using not in (None, "true"), name
            assert check == using, name


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


async def test_an_index_leads_with_the_column_that_a_policy_compares(superuser: Connection) -> None:
    compared = await rows(superuser, POLICY_COLUMNS, RUNTIME)
    assert {table for table, _, _ in compared} >= {"users", "sessions", "items"}
    for table, column, number in compared:
        leading = "SELECT FROM pg_index WHERE indrelid = %s::regclass AND indkey[0] = %s AND indpred IS NULL"
        assert await rows(superuser, leading, table, number), f"no index of {table} leads with {column}"


async def test_a_policy_reads_the_identity_once_a_statement_and_finds_rows_by_index(
    runtime: Connection, superuser: Connection
) -> None:
    await runtime.execute("SET enable_seqscan = off")
    for table, column, _ in await rows(superuser, POLICY_COLUMNS, RUNTIME):
        explain = sql.SQL("EXPLAIN SELECT FROM {}").format(sql.Identifier(table))
        plan = [line.strip() for (line,) in await (await runtime.execute(explain)).fetchall()]
        assert any(line.startswith("InitPlan") for line in plan), plan
        assert any(line.startswith(f"Index Cond: ({column} = (InitPlan") for line in plan), plan


@pytest.mark.checklist(48)
async def test_a_view_shows_what_its_reader_may_see(superuser: Connection) -> None:
    views = f"""
        SELECT relname FROM pg_class
        WHERE  relkind IN ('v', 'm') AND {OURS}
        AND    NOT coalesce('security_invoker=true' = ANY (reloptions), false)
    """
    assert await rows(superuser, views) == []


@pytest.mark.checklist(44)
async def test_nobody_writes_by_hand_whose_a_row_is_or_when_it_was_made(
    superuser: Connection, runtime: Connection
) -> None:
    owners = {(table, column) for table, column, _ in await rows(superuser, POLICY_COLUMNS, RUNTIME)}
    for table in sorted({table for table, _ in owners}):
        kept = {column for of, column in owners if of == table} | {"id", "created_at", "updated_at"}
        assert kept.isdisjoint(await updatable(runtime, table)), table
        for column in kept:
            may = "SELECT has_column_privilege(%s, attname, 'INSERT') FROM pg_attribute WHERE attrelid = %s::regclass"
            assert (True,) not in await rows(runtime, f"{may} AND attname = %s", table, table, column), (table, column)
