"""The functions of the gate: what each is made of, and who may call it."""

import re
from typing import Final

import psycopg
import pytest
from psycopg import sql

from backend.checks.reading import OWNERS, statements
from tests.database import Connection, rows

GATE: Final = "lodestar_gate"
PATH: Final = ["search_path=pg_catalog, public, pg_temp"]
# Beside its path: what is planned with the values of each call, where a general plan would be a poor one.
PLANNED: Final = [*PATH, "plan_cache_mode=force_custom_plan"]

# What makes a trigger needs a right to its function. It cannot be called in any other way.
TRIGGERS: Final = {"end_sessions_of_disabled", "keep_an_admin"}
# Outside the gate: who is asking, the time, a refusal, and the door itself. They act with their caller's rights.
EVERYBODYS: Final = {"current_user_id", "current_session_id", "moment", "refuse", "enter"}
# Those that a function outside the gate calls with its caller's rights, and which.
BY_FUNCTIONS: Final = {"forget_old_keys": "claim"}

FUNCTIONS: Final = """
SELECT p.proname, p.proowner::regrole::text, p.prosecdef, p.prosqlbody IS NOT NULL, p.proconfig,
       has_function_privilege('lodestar_app', p.oid, 'EXECUTE'),
       has_function_privilege('lodestar_owner', p.oid, 'EXECUTE')
FROM   pg_proc p
WHERE  p.pronamespace = %s::regnamespace
ORDER BY p.proname
"""


def called(*, by_owner: bool) -> set[str]:
    """The functions of the gate that the statements call."""
    texts = [one.text for one in statements() if (one.module in OWNERS) is by_owner]
    return {name for text in texts for name in re.findall(r"\bgate\.(\w+)\(", text)}


async def executable(superuser: Connection, schema: str, role: str) -> set[str]:
    at = {"lodestar_app": 5, "lodestar_owner": 6}[role]
    return {one[0] for one in await rows(superuser, FUNCTIONS, schema) if one[at]}


@pytest.mark.checklist(48)
async def test_the_gate_owns_its_functions_and_nothing_turns_them_round(superuser: Connection) -> None:
    functions = await rows(superuser, FUNCTIONS, "gate")
    assert len(functions) > 20
    for name, owner, definer, bound, config, _, _ in functions:
        assert owner == GATE, name
        assert bound or config == PATH, f"{name} is neither bound when it is created, nor is its search_path pinned"
        if definer:
            assert config in (PATH, PLANNED), name


@pytest.mark.checklist(48)
async def test_a_function_acts_for_the_gate_or_only_the_gate_calls_it(superuser: Connection) -> None:
    for name, _, definer, _, _, by_runtime, by_owner in await rows(superuser, FUNCTIONS, "gate"):
        assert definer or not (by_runtime or by_owner), name


@pytest.mark.checklist(48)
async def test_no_function_is_everybodys(superuser: Connection) -> None:
    public = """
        SELECT proname FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS a
        WHERE  a.grantee = 0 AND pronamespace IN ('public'::regnamespace, 'gate'::regnamespace)
    """
    assert await rows(superuser, public) == []


@pytest.mark.checklist(48)
async def test_the_runtime_role_calls_what_a_statement_calls_and_nothing_else(superuser: Connection) -> None:
    assert await executable(superuser, "gate", "lodestar_app") == called(by_owner=False) | set(BY_FUNCTIONS)
    assert await executable(superuser, "public", "lodestar_app") == EVERYBODYS | set(BY_FUNCTIONS.values())


@pytest.mark.checklist(48)
async def test_what_the_operator_does_is_done_by_the_owner_alone(superuser: Connection) -> None:
    operators = called(by_owner=True)
    assert operators
    assert all(name.startswith("operator_") for name in operators)
    assert await executable(superuser, "gate", "lodestar_owner") == operators | TRIGGERS
    assert await executable(superuser, "public", "lodestar_owner") >= EVERYBODYS


@pytest.mark.checklist(48)
async def test_the_runtime_role_is_refused_what_is_not_its_own(superuser: Connection, runtime: Connection) -> None:
    signatures = "SELECT proname, proargtypes::regtype[]::text[] FROM pg_proc WHERE pronamespace = 'gate'::regnamespace"
    own, refused = called(by_owner=False), 0
    for name, types in await rows(superuser, signatures):
        if name in own or name in TRIGGERS or name in BY_FUNCTIONS:
            continue
        nulls = sql.SQL(", ").join(sql.SQL(f"NULL::{kind}") for kind in types)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await runtime.execute(sql.SQL("SELECT gate.{}({})").format(sql.Identifier(name), nulls))
        refused += 1
    assert refused > 5


@pytest.mark.checklist(48)
async def test_only_the_gate_acts_with_other_rights_than_its_caller(superuser: Connection) -> None:
    definers = "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    assert await rows(superuser, definers) == []
    creators = "SELECT has_schema_privilege(rolname, 'gate', 'CREATE') FROM pg_roles WHERE rolname IN (%s, %s)"
    assert await rows(superuser, creators, "lodestar_app", "lodestar_owner") == [(False,), (False,)]


async def test_no_parameter_has_the_name_of_a_column(superuser: Connection) -> None:
    """In an SQL function the column would win: `WHERE id = user_id` would compare a row with itself."""
    clashes = """
        SELECT p.proname, name
        FROM   pg_proc p, unnest(p.proargnames, coalesce(p.proargmodes, '{}'::"char"[])) AS argument (name, mode)
        WHERE  p.pronamespace = 'gate'::regnamespace AND coalesce(mode, 'i') = 'i'
        AND    name IN (SELECT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace)
    """
    assert await rows(superuser, clashes) == []
