"""The extensions that search is made of: made by the owner where he may, found where they are, or asked of a DBA."""

from collections.abc import Iterator

import psycopg
import pytest

from backend.database.embedded import Embedded
from backend.database.migrate import migrate, plan
from backend.operators import OperatorError
from tests.places import Place, new_place

EXTENSIONS = """
SELECT extname, extnamespace::regnamespace::text
FROM   pg_extension
WHERE  extname IN ('pg_trgm', 'btree_gin')
ORDER BY extname
"""
# What a provider does who lets nobody but himself have extensions.
FORBID = """
CREATE FUNCTION public.forbid() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands(), pg_roles WHERE rolname = current_user AND NOT rolsuper) THEN
        RAISE EXCEPTION 'permission denied to create extension' USING ERRCODE = 'insufficient_privilege';
    END IF;
END;
$$;
CREATE EVENT TRIGGER forbid ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION') EXECUTE FUNCTION public.forbid();
"""


@pytest.fixture
def place(postgres: Embedded) -> Iterator[Place]:
    with new_place(postgres) as made:
        yield made


def test_the_owner_makes_them_in_a_schema_that_nobody_else_uses(place: Place) -> None:
    migrate(place.settings)
    assert place.run(EXTENSIONS) == [("btree_gin", "trigrams"), ("pg_trgm", "trigrams")]
    usage = "SELECT has_schema_privilege(%s, 'trigrams', 'USAGE')"
    assert place.run(usage, place.owner) == [(True,)]
    assert place.run(usage, place.login) == [(False,)]


def test_where_the_owner_may_not_the_statements_for_a_dba_are_one_line(place: Place) -> None:
    place.run(FORBID)
    with pytest.raises(OperatorError) as refused:
        migrate(place.settings)
    text = str(refused.value)
    assert "\n" not in text
    assert text.startswith("0009_item_search.sql failed and was rolled back: permission denied to create extension")
    asked = text.partition("A DBA must run: ")[2]
    assert asked.count(";") == 3
    with psycopg.connect(place.superuser_url) as dba:
        dba.execute(asked.encode())
    assert "0009_item_search.sql" in migrate(place.settings)
    assert plan(place.settings) == []


@pytest.mark.parametrize("schema", ["public", 'the "DBA\'s"'])
def test_they_are_used_where_a_dba_has_put_them(place: Place, schema: str) -> None:
    place.give("CREATE SCHEMA IF NOT EXISTS {}", schema)
    place.give("GRANT USAGE ON SCHEMA {} TO {}", schema, place.owner)
    for name in ("pg_trgm", "btree_gin"):
        place.give("CREATE EXTENSION {} SCHEMA {}", name, schema)
    migrate(place.settings)
    assert plan(place.settings) == []
    assert place.run("SELECT to_regclass('public.items_title_search_idx') IS NOT NULL") == [(True,)]
