"""Each rule of plans, and a function whose statement breaks it; what is found inside of functions is what is there."""

from typing import Final

import pytest

from backend.checks.allowances import allowances
from backend.checks.database import Connection, Database
from backend.checks.plans import planning
from backend.checks.plans.rules import conjuncts
from backend.checks.schema.bodies import texts
from backend.checks.schema.functions import functions
from backend.checks.schema.plpgsql import Unreadable, declared, statements
from backend.checks.trees import Node, analysed
from backend.database.embedded import Embedded
from tests.checks.tampered import tampering, untampered
from tests.conftest import cloned, settings_for


def of_gate(statement: str) -> str:
    return (
        "SET LOCAL ROLE lodestar_gate; SET LOCAL row_security = on; "
        "CREATE FUNCTION gate.mine(this uuid, other text) RETURNS void LANGUAGE sql SECURITY DEFINER "
        f"BEGIN ATOMIC {statement}; SELECT; END; RESET ROLE"
    )


def of_runtime(statement: str, language: str = "sql") -> str:
    body = f"AS $$ BEGIN {statement}; END $$" if language == "plpgsql" else f"BEGIN ATOMIC {statement}; SELECT; END"
    return f"CREATE FUNCTION mine(this uuid, other text) RETURNS void LANGUAGE {language} {body}"


SOUGHT: Final = "casefold(title COLLATE pg_unicode_fast) LIKE other"
FAULTS: Final = [
    (of_gate("SELECT id FROM users WHERE full_name = other"), "no-index", "users"),
    (of_gate("SELECT count(*) FROM items"), "no-index", "items"),
    (of_gate("SELECT id FROM sessions WHERE user_id = this ORDER BY last_used_at LIMIT 5"), "sorts-a-page", "sessions"),
    (of_gate("SELECT id FROM users WHERE id < this AND email < other"), "filters-indexed", "users"),
    (of_gate("SELECT id FROM items WHERE owner_id = this AND title LIKE other"), "pattern-filter", "items"),
    (of_gate("SELECT id FROM items WHERE owner_id = this AND title ~ other"), "pattern-filter", "items"),
    (of_gate("SELECT (SELECT count(*) FROM sessions s WHERE s.user_id = u.id) FROM users u WHERE u.id < this"),
     "subplan-per-row", "sessions"),
    (of_gate("SELECT user_id FROM audit_events WHERE id = this"), "denied", "audit_events"),
    (of_runtime(f"SELECT id FROM items WHERE {SOUGHT}"), "not-leakproof", "items_title_search_idx"),
    (of_runtime("SELECT id FROM items WHERE (title, id) < (coalesce(other, ''), this)"), "not-leakproof",
     "items_owner_id_title_idx"),
    (of_runtime("SELECT id FROM items WHERE id::text = other OR id = coalesce(this, id)"), "not-leakproof",
     "items_pkey"),
    (of_runtime("PERFORM password_hash FROM users WHERE id = this", "plpgsql"), "denied", "users"),
    (of_runtime("IF EXISTS (SELECT FROM schema_migrations WHERE sha256 = other) THEN NULL; END IF", "plpgsql"),
     "no-index", "schema_migrations"),
    (of_runtime("EXECUTE 'SELECT ' || other", "plpgsql"), "unreadable", "EXECUTE"),
]  # fmt: skip

RIGHT: Final = [
    of_gate("SELECT id FROM sessions WHERE user_id = this ORDER BY id DESC LIMIT 5"),
    of_gate("SELECT id FROM sessions WHERE user_id = this ORDER BY last_used_at"),
    of_gate("SELECT (SELECT count(*) FROM sessions s WHERE s.user_id = u.id) FROM users u WHERE u.id = this"),
    of_gate("SELECT id FROM users WHERE id = this AND email = other AND full_name LIKE other"),
    of_gate(f"SELECT id FROM items WHERE owner_id = this AND {SOUGHT}"),
    of_gate("SELECT id FROM users WHERE is_admin AND is_active"),
    of_runtime("SELECT id FROM items WHERE (title, id) < ((SELECT coalesce(other, max(title)) FROM items), this)"),
    of_runtime("RAISE EXCEPTION '% is SELECTed', other", "plpgsql"),
]


@pytest.mark.parametrize(("change", "code", "named"), FAULTS)
def test_a_statement_that_breaks_a_rule_is_found(
    change: str, code: str, named: str, opened: tuple[Connection, Database]
) -> None:
    with tampering(*opened, change) as tampered:
        found = [one for one in planning.check(tampered) if one.of.endswith("mine")]
    assert [one.code for one in found if named in one.sentence] == [code]


@pytest.mark.parametrize("change", RIGHT)
def test_in_a_statement_as_it_should_be_nothing_is_found(change: str, opened: tuple[Connection, Database]) -> None:
    with tampering(*opened, change) as tampered:
        assert [one for one in planning.check(tampered) if one.of.endswith("mine")] == []


def test_a_statement_of_the_api_is_named_by_its_own_line(opened: tuple[Connection, Database]) -> None:
    with tampering(*opened, "DROP INDEX items_owner_id_title_idx") as tampered:
        found = {one.of: one for one in planning.check(tampered)}
    for name in ("queries.item_lists.BY_TITLE", "queries.item_lists.BY_TITLE_DESCENDING"):
        assert found[name].file == "queries/item_lists.py"
        assert found[name].line > 1


# Whose rows these are decides which of two indexes PostgreSQL takes for a page: one person's, or a thousand people's.
CROWDS: Final = {
    owners: f"""
    WITH crowd AS (
        INSERT INTO users (email) SELECT 'reader-' || n || '@example.com' FROM generate_series(1, {owners}) AS n
        RETURNING id
    )
    INSERT INTO items (owner_id, title)
    SELECT id, 'A lens' FROM crowd, generate_series(1, {20_000 // owners});
    ANALYZE users; ANALYZE items
    """
    for owners in (1, 10, 1000)
}


@pytest.mark.parametrize("owners", CROWDS)
def test_what_the_tables_hold_changes_nothing(owners: int, postgres: Embedded, worker_id: str) -> None:
    """In a database of its own: ANALYZE is not rolled back."""
    with (
        cloned(postgres, f"crowded_{worker_id}") as name,
        untampered(settings_for(postgres, name), postgres.superuser_url) as opened,
        tampering(*opened, CROWDS[owners]) as tampered,
    ):
        assert [one for one in planning.check(tampered) if not any(a.covers(one) for a in allowances())] == []


def test_what_is_planned_of_a_function_says_the_same_as_its_body(opened: tuple[Connection, Database]) -> None:
    """Parameters become placeholders in a text that PostgreSQL has made of a tree; it must make the same tree of it."""
    compared = 0
    with tampering(*opened, "SELECT") as tampered:
        for function in functions(tampered.catalogue):
            for tree, text in zip(function.queries(), texts(function, tampered), strict=False):
                with tampered.acting("gate") as connection:
                    again = analysed(connection, b"PREPARE again AS " + text.encode())
                    connection.execute("DEALLOCATE again")
                assert shape(again) == shape(tree), text
                compared += 1
    assert compared > 50


def shape(tree: Node) -> list[tuple[object, ...]]:
    """What a tree does, without the names that it gives: parameters are numbered as they come."""
    numbers: dict[int, int] = {}
    found: list[tuple[object, ...]] = []
    for node in tree.walk():
        if node.kind == "PARAM":
            found.append((node.kind, numbers.setdefault(node["paramid"], len(numbers)), node["paramtype"]))
        elif node.kind != "ALIAS":
            fields = ("opno", "funcid", "varno", "varattno", "varlevelsup", "boolop", "constvalue", "relid", "rtekind")
            found.append((node.kind, *(node.get(name) for name in fields)))
    return found


BODY: Final = """
-- A comment; with a semicolon.
DECLARE
    known CONSTANT bytea := 'a;b';
    many bigint[] NOT NULL DEFAULT '{}';
    n integer;
BEGIN
    IF n > 1 THEN
        SELECT digest, CASE WHEN n = 1 THEN 2 ELSE 3 END INTO STRICT known, n FROM keys WHERE id = n;
    ELSIF EXISTS (SELECT FROM keys) THEN
        INSERT INTO keys (id) VALUES (1) RETURNING id INTO n;
    ELSE
        RAISE NOTICE 'no; % ', n;
    END IF;
    FOR n IN SELECT id FROM keys LOOP
        n := (SELECT max(id) FROM keys);
    END LOOP;
    FOR n IN 1..3 LOOP
        DELETE FROM keys;
    END LOOP;
    RETURN QUERY SELECT 1;
    RETURN n + 1;
EXCEPTION WHEN others THEN
    UPDATE keys SET id = 2;
    RETURN;
END;
"""


def test_a_body_of_plpgsql_is_taken_apart_into_its_statements() -> None:
    assert declared(BODY) == {"known": "bytea", "many": "bigint [ ]", "n": "integer"}
    assert ["".join(token.text for token in one) for one in statements(BODY)] == [
        "SELECT n > 1",
        "SELECT digest, CASE WHEN n = 1 THEN 2 ELSE 3 END FROM keys WHERE id = n",
        "SELECT EXISTS (SELECT FROM keys)",
        "INSERT INTO keys (id) VALUES (1) RETURNING id",
        "SELECT id FROM keys",
        "SELECT (SELECT max(id) FROM keys)",
        "DELETE FROM keys",
        "SELECT 1",
        "SELECT n + 1",
        "UPDATE keys SET id = 2",
    ]


@pytest.mark.parametrize("statement", ["EXECUTE q", "OPEN c FOR SELECT 1", "CASE n WHEN 1 THEN NULL; END CASE",
                                       "RAISE EXCEPTION '%', (SELECT 1)", "FOR r IN EXECUTE q LOOP END LOOP",
                                       "CALL this()", "FETCH c INTO n"])  # fmt: skip
def test_what_cannot_be_taken_apart_is_not_passed_over(statement: str) -> None:
    with pytest.raises(Unreadable):
        statements(f"BEGIN {statement}; END")


def test_conditions_are_told_apart_where_explain_has_joined_them() -> None:
    assert conjuncts("((i.a = ' AND (') AND ((i.b > 1) OR (i.c AND i.d)) AND i.e)") == [
        "i.a = ' AND ('",
        "(i.b > 1) OR (i.c AND i.d)",
        "i.e",
    ]
    assert conjuncts("") == []
