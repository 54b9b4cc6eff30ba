"""What the role of the API may do, asked of PostgreSQL itself; everything else it may not."""

from typing import Final

import psycopg
import pytest
from psycopg import sql

from tests.database import Connection, rows
from tests.expected import GRANTS

GROUP, LOGIN, GATE = "lodestar_runtime", "lodestar_app", "lodestar_gate"

COLUMNS: Final = """
SELECT c.relname, a.attname
FROM   pg_class c
JOIN   pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE  c.relkind IN ('r', 'p') AND c.relnamespace IN ('public'::regnamespace, 'gate'::regnamespace)
AND    has_column_privilege(%s, c.oid, a.attnum, %s) = %s
"""


async def columns(superuser: Connection, role: str, right: str, has: bool = True) -> dict[str, set[str]]:
    """The columns, by table, on which the role has a right or has it not."""
    found: dict[str, set[str]] = {}
    for table, column in await rows(superuser, COLUMNS, role, right, has):
        found.setdefault(table, set()).add(column)
    return found


async def tables(superuser: Connection, role: str, right: str) -> set[str]:
    found = """
        SELECT relname FROM pg_class
        WHERE  relkind IN ('r', 'p') AND relnamespace IN ('public'::regnamespace, 'gate'::regnamespace)
        AND    has_table_privilege(%s, oid, %s)
    """
    return {name for (name,) in await rows(superuser, found, role, right)}


@pytest.mark.checklist(41)
async def test_the_login_of_the_api_is_nothing_but_a_login(superuser: Connection) -> None:
    attributes = "rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
    may = await rows(superuser, f"SELECT {attributes} FROM pg_roles WHERE rolname = %s", LOGIN)
    assert may == [(True, False, False, False, False, False)]
    member = "SELECT rolname FROM pg_roles WHERE pg_has_role(%s, oid, 'MEMBER') AND rolname <> %s"
    assert await rows(superuser, member, LOGIN, LOGIN) == [(GROUP,)]


@pytest.mark.checklist(41)
async def test_the_runtime_role_owns_nothing(superuser: Connection) -> None:
    owned = "SELECT classid::regclass, objid FROM pg_shdepend WHERE deptype = 'o' AND refobjid = %s::regrole"
    for role in (GROUP, LOGIN):
        assert await rows(superuser, owned, role) == []


@pytest.mark.checklist(41)
async def test_the_runtime_role_creates_nothing(superuser: Connection, runtime: Connection) -> None:
    creates = "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(%s, oid, 'CREATE')"
    assert await rows(superuser, creates, LOGIN) == []
    for statement in ("CREATE TABLE mine ()", "CREATE SCHEMA mine", "CREATE FUNCTION gate.mine() RETURNS int RETURN 1"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await runtime.execute(statement.encode())


@pytest.mark.checklist(41)
@pytest.mark.parametrize("right", ["TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"])
async def test_the_runtime_role_has_no_right_to(right: str, superuser: Connection) -> None:
    assert await tables(superuser, LOGIN, right) == set()


@pytest.mark.checklist(41)
async def test_the_runtime_role_writes_the_columns_that_are_named_and_no_others(superuser: Connection) -> None:
    assert await columns(superuser, LOGIN, "INSERT") == {
        name: one.inserts for name, one in GRANTS.items() if one.inserts
    }
    assert await columns(superuser, LOGIN, "UPDATE") == {
        name: one.updates for name, one in GRANTS.items() if one.updates
    }
    assert await tables(superuser, LOGIN, "DELETE") == {name for name, one in GRANTS.items() if one.deletes}


@pytest.mark.checklist(41)
async def test_the_runtime_role_reads_no_secret(superuser: Connection, runtime: Connection) -> None:
    shown, hidden = [await columns(superuser, LOGIN, "SELECT", has=has) for has in (True, False)]
    assert shown.keys() == {table for table, grants in GRANTS.items() if grants.readable}
    for table, grants in GRANTS.items():
        assert not grants.readable or hidden.get(table, set()) == grants.hidden, table
        for name in grants.hidden:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await runtime.execute(sql.SQL("SELECT {} FROM {}").format(*map(sql.Identifier, (name, table))))


async def test_every_table_says_what_is_granted_of_it(superuser: Connection) -> None:
    found = """
        SELECT relname FROM pg_class
        WHERE  relkind IN ('r', 'p') AND relnamespace IN ('public'::regnamespace, 'gate'::regnamespace)
    """
    assert {name for (name,) in await rows(superuser, found)} == set(GRANTS)


@pytest.mark.checklist(41)
async def test_the_runtime_role_cannot_become_somebody_else(runtime: Connection) -> None:
    for role in (GATE, "lodestar_owner", "postgres"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await runtime.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await runtime.execute("SET row_security = off; SELECT FROM items")


@pytest.mark.checklist(69)
async def test_what_happened_can_only_be_added_to(superuser: Connection, runtime: Connection) -> None:
    for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"):
        assert ("audit_events" in await tables(superuser, LOGIN, right)) is False, right
        assert ("audit_events" in await tables(superuser, GATE, right)) is (right == "INSERT"), right
    for statement in ("SELECT FROM", "DELETE FROM", "TRUNCATE"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await runtime.execute(f"{statement} audit_events".encode())
    policies = await rows(superuser, "SELECT roles::text[], cmd FROM pg_policies WHERE tablename = 'audit_events'")
    assert policies == [([GATE], "INSERT")]


@pytest.mark.checklist(41)
async def test_the_gate_is_a_role_that_nobody_logs_in_as(superuser: Connection) -> None:
    may = await rows(superuser, "SELECT rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", GATE)
    assert may == [(False, False, False)]
    members = """
        SELECT member::regrole::text, inherit_option, set_option, admin_option
        FROM   pg_auth_members
        WHERE  roleid = %s::regrole AND (inherit_option OR set_option)
    """
    assert await rows(superuser, members, GATE) == [("lodestar_owner", False, True, False)]
