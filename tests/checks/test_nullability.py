"""Which columns may be NULL, of statements of every form, on the real tables and on some that only this test has."""

from collections.abc import Iterator

import pytest

from backend.checks.database import Connection, Database
from backend.checks.nullability import never_null
from backend.checks.nullability.expressions import nullable_columns
from backend.checks.nullability.lookups import Catalogue
from backend.checks.nullability.proofs import learn
from backend.checks.nullability.rows import surely_gives_a_row
from backend.checks.nullability.scopes import Scope, targets
from backend.checks.trees import Node, analysed

MADE = """
CREATE TABLE a (id int PRIMARY KEY, name text NOT NULL, note text);
CREATE TABLE b (id int PRIMARY KEY, a_id int NOT NULL, said text NOT NULL, extra text);
CREATE TABLE promised (id int PRIMARY KEY, later text);
ALTER TABLE promised ADD CONSTRAINT later_not_null NOT NULL later NOT VALID;
CREATE DOMAIN surely AS text NOT NULL;
CREATE TABLE with_domain (word surely);
CREATE TABLE skipping (id int NOT NULL);
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER skip BEFORE INSERT ON skipping FOR EACH ROW EXECUTE FUNCTION skip();
CREATE VIEW both_of_them AS SELECT a.id, a.note, b.said FROM a LEFT JOIN b ON b.a_id = a.id;
CREATE VIEW filtered AS SELECT id, note FROM a WHERE note IS NOT NULL;
CREATE VIEW above AS SELECT id, said FROM both_of_them;
CREATE FUNCTION one(x int) RETURNS int LANGUAGE sql RETURN x + 1;
CREATE FUNCTION strictly(x int) RETURNS int LANGUAGE sql STRICT RETURN 1;
CREATE FUNCTION by_default(x int DEFAULT 1) RETURNS int LANGUAGE sql RETURN x;
CREATE FUNCTION without(x int DEFAULT NULL) RETURNS int LANGUAGE sql RETURN x;
CREATE FUNCTION name_of(x int) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT name FROM a WHERE id = x; END;
CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM a; END;
CREATE FUNCTION added(x int) RETURNS int LANGUAGE sql
BEGIN ATOMIC
    WITH new AS (INSERT INTO a VALUES (x, 'x') RETURNING id) SELECT id FROM new;
END;
CREATE FUNCTION kept(x int) RETURNS int LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO a VALUES (x, 'x') ON CONFLICT DO NOTHING RETURNING id;
END;
CREATE FUNCTION skipped() RETURNS int LANGUAGE sql BEGIN ATOMIC INSERT INTO skipping VALUES (1) RETURNING id; END;
CREATE FUNCTION all_of() RETURNS TABLE (id int, note text, said text) LANGUAGE sql
BEGIN ATOMIC
    SELECT 1;
    SELECT a.id, a.note, b.said FROM a JOIN b ON b.a_id = a.id;
END;
CREATE FUNCTION in_plpgsql() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION in_text() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""

# The statement and which of its columns may be NULL, by number. $1 is an integer that is not NULL, $2 one that may be.
CASES = [
    # Tables and constants.
    ("SELECT id, name, note FROM a", {3}),
    ("SELECT 1, NULL, 'x'::text, NULL::int", {2, 4}),
    ("SELECT $1::int, $2::int", {2}),
    ("SELECT ctid, tableoid FROM a", set()),
    ("SELECT a FROM a", set()),
    ("SELECT later FROM promised", {1}),
    ("SELECT word FROM with_domain", set()),
    # Joins.
    ("SELECT a.name, b.said FROM a JOIN b ON b.a_id = a.id", set()),
    ("SELECT a.name, b.said, b.extra FROM a LEFT JOIN b ON b.a_id = a.id", {2, 3}),
    ("SELECT a.name, b.said FROM a RIGHT JOIN b ON b.a_id = a.id", {1}),
    ("SELECT a.name, b.said FROM a FULL JOIN b ON b.a_id = a.id", {1, 2}),
    ("SELECT id FROM a FULL JOIN b USING (id)", {1}),
    ("SELECT id FROM a LEFT JOIN b USING (id)", set()),
    ("SELECT b FROM a LEFT JOIN b ON b.a_id = a.id", {1}),
    ("SELECT x.name FROM b LEFT JOIN (a x JOIN a y ON x.id = y.id) ON true", {1}),
    ("SELECT b.said FROM a LEFT JOIN b ON b.a_id = a.id WHERE b.id = $1", set()),
    ("SELECT b.said FROM a LEFT JOIN b ON b.a_id = a.id WHERE b.id IS NULL", {1}),
    ("SELECT b.extra FROM a LEFT JOIN b ON b.a_id = a.id WHERE b.id IS NOT NULL", {1}),
    ("SELECT c.said FROM a LEFT JOIN b ON b.a_id = a.id LEFT JOIN b c ON c.id = b.id WHERE b.id = 1", {1}),
    ("SELECT b.said FROM a LEFT JOIN b ON b.a_id = a.id JOIN b c ON c.id = b.id", set()),
    ("SELECT a.note, b.extra FROM a LEFT JOIN b ON b.extra = a.note", {1, 2}),
    # What WHERE proves.
    ("SELECT note FROM a WHERE note IS NOT NULL", set()),
    ("SELECT note FROM a WHERE note = 'x' AND id > 1", set()),
    ("SELECT note FROM a WHERE note = 'x' OR id > 1", {1}),
    ("SELECT note FROM a WHERE NOT (note = 'x')", set()),
    ("SELECT note FROM a WHERE NOT (note IS NULL)", set()),
    ("SELECT note FROM a WHERE note IN ('x', 'y')", set()),
    ("SELECT note FROM a WHERE note IN (SELECT said FROM b)", set()),
    ("SELECT note FROM a WHERE note <> ALL (SELECT said FROM b)", {1}),
    ("SELECT note FROM a WHERE note <> ALL (ARRAY['x'])", {1}),
    ("SELECT note FROM a WHERE note IS DISTINCT FROM 'x'", {1}),
    ("SELECT note FROM a WHERE (note, id) > ('x', 1)", set()),
    ("SELECT note, id FROM a WHERE (id, note) > (1, 'x')", {1}),
    ("SELECT note FROM a WHERE upper(note) = 'X'", set()),
    ("SELECT note FROM a WHERE coalesce(note, '') = ''", {1}),
    ("SELECT note FROM (SELECT note FROM a) AS inside WHERE note = 'x'", set()),
    ("SELECT note FROM (SELECT note FROM a) AS inside", {1}),
    ("SELECT note, count(*) FROM a GROUP BY note HAVING note IS NOT NULL", set()),
    # Expressions.
    ("SELECT coalesce(note, 'x'), coalesce(note, NULL) FROM a", {2}),
    ("SELECT CASE WHEN id = 1 THEN 'x' END, CASE WHEN id = 1 THEN 'x' ELSE name END FROM a", {1}),
    ("SELECT CASE WHEN note IS NOT NULL THEN note ELSE 'x' END FROM a", set()),
    ("SELECT CASE WHEN id = 1 THEN note ELSE 'x' END FROM a", {1}),
    ("SELECT CASE id WHEN 1 THEN note ELSE 'x' END FROM a", {1}),
    ("SELECT nullif(id, $1), greatest(id, $2::int), greatest($2::int, NULL) FROM a", {1, 3}),
    ("SELECT note IS NULL, note IS DISTINCT FROM 'x', (note = 'x') IS TRUE, note = 'x' FROM a", {4}),
    ("SELECT id = 1 AND name = 'x', id = 1 OR note = 'x', NOT id = 1 FROM a", {2}),
    ("SELECT id + 1, id::text, id::bigint, name || note, -id FROM a", {4}),
    ("SELECT ARRAY[note], ROW(note), (ARRAY[1])[2] FROM a", {3}),
    ("SELECT id IN (1, 2), id IN (1, NULL), id = ANY (array_agg(id)) FROM a GROUP BY id", {2, 3}),
    ("SELECT current_user, current_schema, current_timestamp, now(), session_user", {2}),
    ("SELECT lower(name), lower(note), lower(int4range(1, 2)), substring(name, 1, 2) FROM a", {2, 3}),
    ("SELECT substring(name FROM 'x+'), to_char(now(), ''), nullif(name, '') FROM a", {1, 2, 3}),
    ("SELECT '{}'::jsonb -> 'a', '{}'::jsonb ->> 'a', '{}'::jsonb || '{}'::jsonb", {1, 2}),
    ("SELECT 'null'::jsonb::int, '1'::text::int", {1}),
    ("SELECT concat(note, NULL), jsonb_build_object('a', note), quote_nullable(note) FROM a", set()),
    ("SELECT array_length(ARRAY[1], 1), cardinality(ARRAY[1])", {1}),
    ('SELECT name COLLATE "C", note COLLATE "C" FROM a', {2}),
    # Aggregates and windows.
    ("SELECT count(*), count(note), max(id), array_agg(id), bool_or(id = 1) FROM a", {3, 4, 5}),
    ("SELECT name, max(id), max(note), count(*) FROM a GROUP BY name", {3}),
    ("SELECT name, max(id) FILTER (WHERE id > 1) FROM a GROUP BY name", {2}),
    ("SELECT name, max(id) FROM a GROUP BY ROLLUP (name)", {1, 2}),
    ("SELECT b.said, count(*) FROM a LEFT JOIN b ON b.a_id = a.id GROUP BY b.said", {1}),
    ("SELECT row_number() OVER (), rank() OVER (ORDER BY id), lag(id) OVER (), count(*) OVER () FROM a", {3}),
    # Subqueries.
    ("SELECT EXISTS (SELECT FROM a), ARRAY (SELECT note FROM a)", set()),
    ("SELECT (SELECT 1), (SELECT NULL), (SELECT id FROM a LIMIT 1), (SELECT count(*) FROM a)", {2, 3}),
    ("SELECT (SELECT 1 LIMIT 0), (SELECT 1 WHERE false), (SELECT 1 OFFSET 1), (SELECT max(id) FROM a)", {1, 2, 3, 4}),
    ("SELECT (SELECT a.name), (SELECT a.note) FROM a", {2}),
    (
        "SELECT id IN (SELECT id FROM b), id IN (SELECT length(extra) FROM b), note IN (SELECT said FROM b) FROM a",
        {2, 3},
    ),
    ("SELECT x.id, y.note FROM a x CROSS JOIN LATERAL (SELECT x.note) y", {2}),
    # WITH, VALUES and sets.
    ("WITH w AS (SELECT id, note FROM a) SELECT id, note FROM w", {2}),
    ("WITH w AS (SELECT id FROM a) SELECT w.id FROM a LEFT JOIN w ON true", {1}),
    (
        "WITH w AS (SELECT id FROM a), v AS (SELECT id FROM w) SELECT id, (SELECT 1 FROM v WHERE v.id = w.id) FROM w",
        {2},
    ),
    ("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n", set()),
    ("WITH RECURSIVE n AS (SELECT 1 AS i, 2 AS j UNION ALL SELECT j, NULL FROM n) SELECT i, j FROM n", {1, 2}),
    ("SELECT x, y FROM (VALUES (1, 'a'), (2, NULL)) AS v (x, y)", {2}),
    ("VALUES (1, NULL), (2, 'a')", {2}),
    ("SELECT id, name FROM a UNION SELECT id, extra FROM b", {2}),
    ("SELECT note FROM a INTERSECT SELECT said FROM b", set()),
    ("SELECT name FROM a EXCEPT SELECT extra FROM b", set()),
    ("SELECT note FROM a EXCEPT SELECT said FROM b", {1}),
    # What writes.
    ("INSERT INTO a VALUES (1, 'x', 'y') RETURNING id, name, note", {3}),
    ("INSERT INTO a VALUES (1, 'x') RETURNING old.id, new.id, old.note", {1, 3}),
    ("UPDATE a SET note = NULL WHERE note IS NOT NULL RETURNING name, note, old.name, new.name", {2}),
    ("UPDATE a SET name = b.said FROM b WHERE b.extra = 'x' RETURNING a.name, b.extra", set()),
    ("DELETE FROM a WHERE note = 'x' RETURNING note, new.id", {2}),
    ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE RETURNING merge_action(), a.id, b.id", {3}),
    ("WITH w AS (DELETE FROM a RETURNING id, note) SELECT id, note FROM w", {2}),
    # Views.
    ("SELECT id, note, said FROM both_of_them", {2, 3}),
    ("SELECT said FROM both_of_them WHERE said = 'x'", set()),
    ("SELECT id, note FROM filtered", set()),
    ("SELECT id, said FROM above", {2}),
    # Functions.
    ("SELECT one($1), one($2), strictly($1), strictly($2)", {2, 4}),
    ("SELECT by_default(), by_default(NULL), by_default(x => 2), without()", {2, 4}),
    ("SELECT name_of($1), counted(), added($1), kept($1), skipped()", {1, 4, 5}),
    ("SELECT in_plpgsql(), in_text()", {1, 2}),
    ("SELECT id, note, said FROM all_of()", {2}),
    ("SELECT note FROM all_of() WHERE note = 'x'", set()),
    ("SELECT a.id, f.said FROM a LEFT JOIN all_of() f ON true", {2}),
    ("SELECT n, place FROM generate_series(1, 3) WITH ORDINALITY AS g (n, place)", set()),
    ("SELECT x FROM unnest(ARRAY[1]) AS u (x)", {1}),
    ("SELECT x, y FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS r (x, y)", {1, 2}),
    ("SELECT generate_series(1, 2), id FROM a", set()),
    ("SELECT generate_series(1, 2), generate_series(1, 3), 1", {1, 2}),
    ("SELECT x FROM name_of(1) AS f (x)", {1}),
    ("SELECT x FROM counted() AS f (x)", set()),
    # The tables and the gate of this house.
    ("SELECT id, owner_id, description, version FROM items", {3}),
    ("SELECT user_id, retry_after FROM gate.begin_login('a', 'b', true)", {1}),
    ("SELECT id, retry_after FROM gate.sign_up('a', 'b', 'c', '::1', 'd', true)", {1}),
    ("SELECT gate.count_forged_refresh('a'), current_user_id()", {2}),
]


@pytest.fixture(scope="module")
def made(checked: Database) -> Iterator[Connection]:
    with checked.acting("owner") as connection:
        connection.execute(MADE)
        yield connection


@pytest.fixture(scope="module")
def known(made: Connection, checked: Database) -> Catalogue:
    """Read after those tables were made, in the same transaction."""
    return Catalogue(checked)


def tree_of(connection: Connection, statement: str) -> Node:
    with connection.transaction():
        tree = analysed(connection, f"PREPARE asked AS {statement}".encode())
    connection.execute("DEALLOCATE asked")
    return tree


@pytest.mark.parametrize(("statement", "expected"), CASES)
def test_the_columns_that_may_be_null(statement: str, expected: set[int], made: Connection, known: Catalogue) -> None:
    of_all = nullable_columns(tree_of(made, statement), known, lambda number: number == 2, row_is_there=False)
    assert {number for number, may_be in enumerate(of_all, 1) if may_be} == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT b.id, b.said, b.extra, a.note FROM a LEFT JOIN b ON b.a_id = a.id", {3, 4}),
        ("SELECT id, email, full_name, is_active, retry_after FROM gate.sign_up('a', 'b', 'c', '::1', 'd', true)", {3}),
        ("SELECT id, said FROM (SELECT b.id, b.said FROM a LEFT JOIN b ON true) AS inside", set()),
        ("SELECT said, id FROM above", set()),
    ],
)
def test_where_the_first_column_is_there_so_is_its_row(
    statement: str, expected: set[int], made: Connection, known: Catalogue
) -> None:
    of_rows = nullable_columns(tree_of(made, statement), known, lambda _: True, row_is_there=True)
    assert {number for number, may_be in enumerate(of_rows, 1) if may_be} == expected


@pytest.mark.parametrize(
    ("statement", "sure"),
    [
        ("SELECT 1", True),
        ("SELECT 1 LIMIT 1", True),
        ("SELECT 1 LIMIT 0", False),
        ("SELECT 1 LIMIT $1", False),
        ("SELECT id FROM a", False),
        ("SELECT count(*) FROM a WHERE id = 1", True),
        ("SELECT count(*) FROM a HAVING count(*) > 1", False),
        ("SELECT count(*) FROM a GROUP BY id", False),
        ("SELECT 1 FROM (VALUES (1)) AS v LEFT JOIN a ON true", True),
        ("SELECT 1 FROM (VALUES (1)) AS v JOIN a ON true", False),
        ("SELECT 1 FROM (VALUES (1)) AS v CROSS JOIN (VALUES (2)) AS w", True),
        ("SELECT 1 FROM a RIGHT JOIN (VALUES (1)) AS v ON true", True),
        ("SELECT 1 UNION SELECT id FROM a", True),
        ("SELECT 1 EXCEPT SELECT id FROM a", False),
        ("INSERT INTO a VALUES (1, 'x') RETURNING id", True),
        ("INSERT INTO a VALUES (1, 'x') ON CONFLICT DO NOTHING RETURNING id", False),
        ("INSERT INTO a VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET note = 'y' RETURNING id", True),
        ("INSERT INTO a SELECT id, said FROM b RETURNING id", False),
        ("INSERT INTO skipping VALUES (1) RETURNING id", False),
        ("UPDATE a SET note = 'x' RETURNING id", False),
        ("SELECT id FROM all_of()", False),
        ("SELECT counted()", True),
        ("SELECT generate_series(1, 0)", False),
    ],
)
def test_a_row_is_sure_or_not(statement: str, sure: bool, made: Connection, known: Catalogue) -> None:
    assert surely_gives_a_row(learn(Scope(tree_of(made, statement), known))) is sure


def test_what_is_named_as_never_null_is_there(catalogue: Catalogue) -> None:
    """A name that is misspelt would make nothing wrong, and nothing right either."""
    functions = {one.name for one in catalogue.functions.values() if one.built_in}
    named = never_null.FUNCTIONS | never_null.REGARDLESS | never_null.SETS | never_null.COUNTS | never_null.OF_VALUES
    assert named <= functions
    assert set(catalogue.operators.values()) >= never_null.OPERATORS


def test_columns_are_those_that_are_seen(made: Connection) -> None:
    """A column that is only sorted by is none."""
    assert len(targets(tree_of(made, "SELECT id FROM a ORDER BY note"))) == 1
