"""Each rule of functions, and one that breaks it; and whose names the refusals of the API borrow."""

from typing import Final

import pytest

from backend.checks.database import Connection, Database
from backend.checks.findings import ROOT
from backend.checks.schema import gate
from tests.checks.tampered import tampering

PINNED: Final = "SET search_path = pg_catalog, public, pg_temp"
WAIT_OF, FIND = "CREATE FUNCTION gate.wait_of", "CREATE FUNCTION gate.user_by_id"


def of_gate(signature: str, options: str, then: str = "", select: str = "NULL::uuid") -> str:
    """What makes a function of the gate, as the gate."""
    create = f"CREATE FUNCTION gate.{signature} RETURNS uuid LANGUAGE sql {options} BEGIN ATOMIC SELECT {select}; END"
    return f"SET LOCAL ROLE lodestar_gate; {create}; {then}; RESET ROLE"


FAULTS: Final = [
    ("ALTER FUNCTION gate.user_by_id RESET search_path", "path-not-pinned", "gate.user_by_id", FIND),
    ("ALTER FUNCTION gate.user_by_id SET search_path = public", "path-not-pinned", "gate.user_by_id", FIND),
    ("ALTER FUNCTION gate.keep_an_admin RESET ALL", "path-not-pinned", "gate.keep_an_admin", "gate.keep_an_admin()"),
    ("ALTER FUNCTION gate.user_by_id SET row_security = off", "other-setting", "gate.user_by_id", FIND),
    ("ALTER FUNCTION gate.user_by_id OWNER TO lodestar_owner", "not-gates", "gate.user_by_id", FIND),
    ("ALTER FUNCTION gate.user_by_id SECURITY INVOKER", "not-definer", "gate.user_by_id", FIND),
    ("ALTER FUNCTION moment SECURITY DEFINER", "definer-outside", "moment", "CREATE FUNCTION moment"),
    ("GRANT EXECUTE ON FUNCTION gate.wait_of TO PUBLIC", "public-right", "gate.wait_of", WAIT_OF),
    ("GRANT EXECUTE ON FUNCTION moment TO PUBLIC", "public-right", "moment", "CREATE FUNCTION moment"),
    ("GRANT EXECUTE ON FUNCTION gate.wait_of TO lodestar_runtime", "surplus-right", "gate.wait_of", WAIT_OF),
    ("GRANT EXECUTE ON FUNCTION gate.wait_of TO lodestar_owner", "surplus-right", "gate.wait_of", WAIT_OF),
    ("GRANT EXECUTE ON FUNCTION touch TO lodestar_app", "surplus-right", "touch", "CREATE FUNCTION touch"),
    ("REVOKE EXECUTE ON FUNCTION gate.user_by_id FROM lodestar_runtime", "missing-right", "gate.user_by_id", FIND),
    # Called by a function with its caller's rights, by a policy, by a default, by a trigger.
    ("REVOKE EXECUTE ON FUNCTION gate.forget_old_keys FROM lodestar_runtime", "missing-right", "gate.forget_old_keys",
     "CREATE FUNCTION gate.forget_old_keys"),
    ("REVOKE EXECUTE ON FUNCTION current_user_id FROM lodestar_runtime", "missing-right", "current_user_id",
     "CREATE FUNCTION current_user_id"),
    ("REVOKE EXECUTE ON FUNCTION moment FROM lodestar_runtime", "missing-right", "moment", "CREATE FUNCTION moment"),
    ("REVOKE EXECUTE ON FUNCTION gate.operator_create_user FROM lodestar_owner", "missing-right",
     "gate.operator_create_user", "CREATE FUNCTION gate.operator_create_user"),
    (of_gate("mine(title text)", f"SECURITY DEFINER {PINNED}", select="id FROM items LIMIT 1"), "named-as-column",
     "gate.mine", ""),
    (of_gate("mine(other text)", "SECURITY DEFINER"), "path-not-pinned", "gate.mine", ""),
    (of_gate("mine(other text)", PINNED, "GRANT EXECUTE ON FUNCTION gate.mine TO PUBLIC"), "public-right",
     "gate.mine", ""),
    ("CREATE FUNCTION mine() RETURNS text LANGUAGE plpgsql AS 'DECLARE email text; BEGIN PERFORM FROM users; END'",
     "named-as-column", "mine", ""),
    ("GRANT CREATE ON SCHEMA gate TO lodestar_owner", "role-creates", "lodestar_owner", "CREATE SCHEMA gate"),
    ("ALTER TABLE users RENAME CONSTRAINT users_email_key TO users_email_unique", "unknown-constraint",
     "users_email_key", '"users_email_key": EmailTaken'),
    ("CREATE OR REPLACE FUNCTION gate.require_admin() RETURNS void LANGUAGE sql AS ''", "unknown-constraint",
     "not_admin", '"not_admin": NotAdmin'),
]  # fmt: skip


@pytest.mark.checklist(48)
@pytest.mark.parametrize(("change", "code", "of", "line"), FAULTS)
def test_a_function_that_breaks_a_rule_is_found(
    change: str, code: str, of: str, line: str, opened: tuple[Connection, Database]
) -> None:
    with tampering(*opened, change) as tampered:
        found = [one for one in gate.check(tampered) if (one.code, one.of) == (code, of)]
    assert found
    assert line in (ROOT / found[0].file).read_text().splitlines()[found[0].line - 1]


@pytest.mark.checklist(48)
@pytest.mark.parametrize(
    "change",
    [
        "SELECT",
        "ALTER FUNCTION gate.user_by_id SET plan_cache_mode = force_custom_plan",
        of_gate("mine(other text)", PINNED),
        # A column of a table that none of the functions names may be called as a parameter of theirs is.
        "CREATE TABLE mine (id uuid PRIMARY KEY, scope text, of_user uuid)",
    ],
)
def test_in_functions_as_they_should_be_nothing_is_found(change: str, opened: tuple[Connection, Database]) -> None:
    with tampering(*opened, change) as tampered:
        assert list(gate.check(tampered)) == []
