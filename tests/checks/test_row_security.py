"""Each rule of row security, and a schema that breaks that rule and no other."""

from typing import Final

import pytest

from backend.checks.database import Connection, Database
from backend.checks.findings import ROOT
from backend.checks.schema import row_security
from backend.checks.schema.rights import BEYOND
from tests.checks.tampered import tampering

MINE: Final = "(owner_id = (SELECT current_user_id()))"
# A table as it should be, but for what a test adds.
DIARIES: Final = f"""
CREATE TABLE diaries (id uuid PRIMARY KEY, owner_id uuid NOT NULL DEFAULT current_user_id(), text text);
ALTER TABLE diaries OWNER TO lodestar_owner;
ALTER TABLE diaries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT (text) ON diaries TO lodestar_runtime;
CREATE POLICY diaries_owner ON diaries TO lodestar_runtime USING {MINE} WITH CHECK {MINE};
"""
INDEX: Final = "CREATE INDEX diaries_owner_id_idx ON diaries (owner_id, id);"
REPLACED: Final = "DROP POLICY items_owner ON items; CREATE POLICY items_owner ON items TO lodestar_runtime"
BARE: Final = "owner_id = current_user_id()"
CORRELATED: Final = "EXISTS (SELECT FROM users u WHERE u.id = owner_id AND u.id = current_user_id())"
SETTING: Final = "owner_id = current_setting('lodestar.user_id')::uuid"
# Each is true of rows of others, or may be.
OPEN: Final = [
    f"{MINE} OR true",
    f"{MINE} OR (SELECT current_user_id()) IS NULL",
    f"{MINE} OR title = ''",
    f"NOT {MINE}",
    f"coalesce({MINE}, true)",
    "owner_id <> (SELECT current_user_id())",
    "owner_id = coalesce((SELECT current_user_id()), owner_id)",
    "owner_id = owner_id",
    "owner_id IS NOT NULL",
    "1 = 1",
    "(SELECT true)",
    "(SELECT current_user_id()) IS NOT NULL",
    "EXISTS (SELECT FROM users)",
]
# Other ways in which a row belongs to who asks.
TIED: Final = [
    f"{MINE} AND title > ''",
    f"{MINE} OR (id = (SELECT current_session_id()) AND title > '')",
    "owner_id = ANY (ARRAY(SELECT id FROM users))",
    "owner_id IN (SELECT id FROM users)",
    "EXISTS (SELECT FROM users u WHERE u.id = owner_id)",
    "owner_id = (SELECT current_setting('lodestar.user_id')::uuid)",
]
ITEMS, POLICY, ROLES = "CREATE TABLE items", "CREATE POLICY items_owner", "CREATE SCHEMA gate"

# What is done, the code, what the finding is of, and what stands in the line that it names ("" for what is in no file).
FAULTS: Final = [
    ("ALTER TABLE items DISABLE ROW LEVEL SECURITY", "not-enabled", "items", ITEMS),
    ("ALTER TABLE items NO FORCE ROW LEVEL SECURITY", "not-forced", "items", ITEMS),
    ("CREATE TABLE diaries (id uuid PRIMARY KEY)", "not-enabled", "diaries", ""),
    ("GRANT INSERT (event) ON audit_events TO lodestar_runtime", "no-policy", "audit_events", "TABLE audit_events"),
    ("GRANT UPDATE ON items TO lodestar_gate", "no-policy", "items", ITEMS),
    (f"{REPLACED} USING {MINE}", "no-check", "items", POLICY),
    ("ALTER POLICY items_owner ON items WITH CHECK (owner_id IS NOT NULL)", "check-differs", "items", POLICY),
    ("CREATE POLICY open ON items FOR INSERT TO lodestar_runtime WITH CHECK (true)", "check-true", "items", ITEMS),
    ("ALTER POLICY idempotency_keys_gate ON idempotency_keys WITH CHECK (true)", "check-true", "idempotency_keys",
     "CREATE POLICY idempotency_keys_gate"),
    ("CREATE POLICY open ON items FOR SELECT TO lodestar_runtime USING (true)", "using-true", "items", ITEMS),
    (f"CREATE POLICY open ON items FOR SELECT USING {MINE}", "public-policy", "items", ITEMS),
    (f"CREATE POLICY open ON items FOR SELECT TO lodestar_owner USING {MINE}", "other-role", "items", ITEMS),
    *((f"{REPLACED} USING ({using}) WITH CHECK ({using})", "identity-per-row", "items", POLICY)
      for using in (BARE, CORRELATED, SETTING)),
    *((f"{REPLACED} USING ({using}) WITH CHECK ({using})", "open-policy", "items", POLICY) for using in OPEN),
    ("CREATE POLICY open ON items FOR INSERT TO lodestar_runtime WITH CHECK (title > '')", "open-policy", "items",
     ITEMS),
    (DIARIES, "no-policy-index", "diaries", ""),
    (f"{DIARIES} CREATE INDEX diaries_idx ON diaries (id, owner_id)", "no-policy-index", "diaries", ""),
    (f"{DIARIES} CREATE INDEX diaries_idx ON diaries (owner_id) WHERE text > ''", "no-policy-index", "diaries", ""),
    (f"{DIARIES} {INDEX} ALTER TABLE diaries DROP CONSTRAINT diaries_pkey", "no-primary-key", "diaries", ""),
    (f"{DIARIES} {INDEX} ALTER TABLE diaries ADD of_item uuid REFERENCES items", "no-foreign-key-index", "diaries", ""),
    ("CREATE VIEW titles AS SELECT title FROM items", "not-invoker", "titles", ""),
    ("CREATE MATERIALIZED VIEW titles AS SELECT title FROM items", "not-invoker", "titles", ""),
    ("GRANT INSERT (owner_id) ON items TO lodestar_runtime", "writable", "items", ITEMS),
    ("GRANT UPDATE (created_at) ON items TO lodestar_app", "writable", "items", ITEMS),
    ("GRANT UPDATE ON items TO lodestar_runtime", "writable", "items", ITEMS),
    *((f"GRANT {right} ON items TO lodestar_runtime", "beyond-policies", "items", ITEMS)
      for right in sorted(BEYOND)),
    ("GRANT SELECT ON items TO PUBLIC", "public-right", "items", ITEMS),
    ("GRANT SELECT (title) ON items TO PUBLIC", "public-right", "items", ITEMS),
    ("CREATE SEQUENCE numbers; GRANT USAGE ON SEQUENCE numbers TO PUBLIC", "public-right", "numbers", ROLES),
    ("GRANT USAGE ON SCHEMA gate TO PUBLIC", "public-right", "gate", ROLES),
    *((f"ALTER ROLE {role} {attribute}", "role-attribute", role, ROLES)
      for role, attribute in [("lodestar_app", "SUPERUSER"), ("lodestar_app", "BYPASSRLS"),
                              ("lodestar_runtime", "CREATEROLE"), ("lodestar_gate", "BYPASSRLS"),
                              ("lodestar_owner", "BYPASSRLS")]),
    ("GRANT lodestar_gate TO lodestar_app", "role-member", "lodestar_app", ROLES),
    ("GRANT pg_read_all_data TO lodestar_runtime WITH INHERIT FALSE", "role-member", "lodestar_app", ROLES),
    ("ALTER TABLE items OWNER TO lodestar_runtime", "role-owns", "lodestar_runtime", ROLES),
    ("GRANT CREATE ON SCHEMA public TO lodestar_app", "role-creates", "lodestar_app", ROLES),
]  # fmt: skip

RIGHT: Final = [
    f"{DIARIES} {INDEX}",
    "CREATE VIEW titles WITH (security_invoker = on) AS SELECT title FROM items",
    f"CREATE POLICY items_gone ON items AS RESTRICTIVE TO lodestar_runtime USING {MINE} WITH CHECK {MINE}",
    "GRANT SELECT (network) ON sessions TO lodestar_runtime",
]


@pytest.mark.checklist(41, 42, 44, 48)
@pytest.mark.parametrize(("change", "code", "of", "line"), FAULTS)
def test_a_schema_that_breaks_a_rule_is_found(
    change: str, code: str, of: str, line: str, opened: tuple[Connection, Database]
) -> None:
    with tampering(*opened, change) as tampered:
        found = [one for one in row_security.check(tampered) if (one.code, one.of) == (code, of)]
    assert found
    assert line in (ROOT / found[0].file).read_text().splitlines()[found[0].line - 1]


@pytest.mark.checklist(41, 42, 44, 48)
@pytest.mark.parametrize("change", ["SELECT", *RIGHT])
def test_in_a_schema_as_it_should_be_nothing_is_found(change: str, opened: tuple[Connection, Database]) -> None:
    with tampering(*opened, change) as tampered:
        found = [one for one in row_security.check(tampered) if one.of != "schema_migrations"]
    assert found == []


@pytest.mark.checklist(41)
@pytest.mark.parametrize("using", TIED)
def test_a_policy_may_find_out_in_other_ways_whose_a_row_is(using: str, opened: tuple[Connection, Database]) -> None:
    with tampering(*opened, f"{REPLACED} USING ({using}) WITH CHECK ({using})") as tampered:
        assert [one for one in row_security.check(tampered) if one.code == "open-policy"] == []
