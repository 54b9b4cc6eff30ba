"""The three rooms: who may own the schema and log in, what `migrate` makes of it, and what it asks a DBA for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import sql

from backend.database.embedded import Embedded
from backend.database.migrate import migrate, plan
from backend.operators import OperatorError
from backend.prestart import prestart
from backend.settings import Settings, SettingsError
from tests.places import PASSWORD, Place, new_place

ODD = ' it\'s-a "Test" %s'
ROLES = "SELECT rolname, rolcanlogin FROM pg_roles WHERE starts_with(rolname, %s) AND rolname <> %s ORDER BY rolname"
MEMBERSHIPS = """
SELECT pg_get_userbyid(roleid), pg_get_userbyid(member), bool_or(inherit_option), bool_or(set_option)
FROM   pg_auth_members
WHERE  starts_with(pg_get_userbyid(roleid), %s) AND (inherit_option OR set_option)
GROUP BY roleid, member
ORDER BY 1
"""


@pytest.fixture
def place(postgres: Embedded) -> Iterator[Place]:
    with new_place(postgres) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One migration, which is soon done."""
    (tmp_path / "0001_only.sql").write_text("CREATE TABLE only_one (id int);")
    return tmp_path


def memberships(place: Place) -> list[tuple[object, ...]]:
    return place.run(MEMBERSHIPS, place.prefix)


def rooms(place: Place) -> list[tuple[object, ...]]:
    """The memberships as they have to be."""
    name = place.database
    return [(f"{name}_gate", place.owner, False, True), (f"{name}_runtime", place.login, True, True)]


def refusal(settings: Settings, folder: Path) -> str:
    with pytest.raises(OperatorError) as refused:
        migrate(settings, folder=folder)
    text = str(refused.value)
    assert "\n" not in text
    assert PASSWORD not in text
    return text


def test_roles_and_login_are_made_when_they_are_missing(place: Place, folder: Path) -> None:
    migrate(place.settings, folder=folder)
    made = [(place.login, True), (f"{place.database}_gate", False), (f"{place.database}_runtime", False)]
    assert place.run(ROLES, place.prefix, place.owner) == sorted(made)
    assert memberships(place) == rooms(place)
    assert place.run("SELECT current_user", role=place.login) == [(place.login,)]


def test_names_with_quotes_dashes_and_capitals_work(postgres: Embedded) -> None:
    with new_place(postgres, ODD) as place:
        migrate(place.settings)
        prestart(place.settings, patience=5)
        assert plan(place.settings) == []


def test_a_login_that_is_there_is_kept_and_made_to_inherit(place: Place, folder: Path) -> None:
    place.give("CREATE ROLE {} LOGIN NOINHERIT PASSWORD {password}", place.login)
    migrate(place.settings, folder=folder)
    assert memberships(place) == rooms(place)


def test_an_owner_who_inherits_from_what_he_makes_does_not_inherit_from_the_gate(place: Place, folder: Path) -> None:
    place.give("ALTER ROLE {} SET createrole_self_grant = 'set, inherit'", place.owner)
    migrate(place.settings, folder=folder)
    assert (f"{place.database}_gate", place.owner, False, True) in memberships(place)


def test_a_login_may_have_the_name_of_its_group(place: Place) -> None:
    settings = place.settings_of(f"{place.database}_runtime")
    migrate(settings)
    prestart(settings, patience=5)


def test_the_owners_search_path_does_not_matter(place: Place, folder: Path) -> None:
    place.give("ALTER ROLE {} SET search_path = pg_catalog", place.owner)
    migrate(place.settings, folder=folder)
    assert place.run("SELECT to_regclass('public.only_one') IS NOT NULL") == [(True,)]


def test_the_log_of_the_server_never_has_the_password(postgres: Embedded, folder: Path) -> None:
    with new_place(postgres, owner="NOCREATEROLE") as place:
        place.give("ALTER ROLE {} SET log_statement = 'all'", place.owner)
        refusal(place.settings, folder)
        log = postgres.cluster.log.read_text()
        assert f'CREATE ROLE "{place.login}" LOGIN PASSWORD \'SCRAM-SHA-256$' in log
        assert PASSWORD not in log


@pytest.mark.parametrize("suffix", ["", ODD])
def test_what_an_owner_may_not_do_is_asked_of_a_dba_in_one_line(postgres: Embedded, folder: Path, suffix: str) -> None:
    with new_place(postgres, suffix, owner="NOCREATEROLE") as place:
        _, _, asked = refusal(place.settings, folder).partition("a DBA must run: ")
        assert asked.count(";") == 5
        assert plan(place.settings, folder) == ["0001_only.sql"]
        with psycopg.connect(place.superuser_url) as dba:
            dba.execute(asked.replace("'...'", sql.Literal(PASSWORD).as_string(dba)).encode())
        assert migrate(place.settings, folder=folder) == ["0001_only.sql"]
        assert memberships(place) == rooms(place)
        assert place.run("SELECT current_user", role=place.login) == [(place.login,)]


def test_only_what_is_left_to_do_is_asked_for(postgres: Embedded, folder: Path) -> None:
    with new_place(postgres, owner="NOCREATEROLE") as place:
        place.give("CREATE ROLE {} LOGIN PASSWORD {password}", place.login)
        place.give("CREATE ROLE {}", f"{place.database}_gate")
        place.give("CREATE ROLE {} ROLE {}", f"{place.database}_runtime", place.login)
        grant = f'GRANT "{place.database}_gate" TO "{place.owner}" WITH INHERIT FALSE, SET TRUE;'
        assert refusal(place.settings, folder) == f"the owner may not do this; a DBA must run: {grant}"


def test_an_owner_who_was_made_to_inherit_from_the_gate_is_told_so(place: Place, folder: Path) -> None:
    gate = f"{place.database}_gate"
    place.give("CREATE ROLE {} ROLE {}", gate, place.owner)
    grant = f'GRANT "{gate}" TO "{place.owner}" WITH INHERIT FALSE, SET TRUE'
    assert refusal(place.settings, folder).endswith(f"a DBA must run: {grant};")
    place.run(grant)
    assert migrate(place.settings, folder=folder) == ["0001_only.sql"]
    assert memberships(place) == rooms(place)


def test_an_owner_who_does_not_own_the_database_is_told_so(place: Place, folder: Path) -> None:
    place.give("ALTER DATABASE {} OWNER TO postgres", place.database)
    asked = refusal(place.settings, folder)
    assert f'a DBA must run: ALTER DATABASE "{place.database}" OWNER TO "{place.owner}";' in asked
    place.give("ALTER DATABASE {} OWNER TO {}", place.database, place.owner)
    assert migrate(place.settings, folder=folder) == ["0001_only.sql"]


def test_a_superuser_is_refused_as_the_owner(postgres: Embedded, folder: Path) -> None:
    with new_place(postgres, owner="SUPERUSER") as place:
        assert refusal(place.settings, folder).startswith("the owner is a superuser")
        assert place.run("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []


@pytest.mark.checklist(41)
def test_the_owner_is_refused_as_the_login(place: Place, folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL \(has the user of DATABASE_OWNER_URL"):
        Settings.read(place.environment | {"DATABASE_URL": place.url(place.owner)})
    assert "superuser, or is or belongs to" in refusal(place.settings_of(place.owner), folder)


@pytest.mark.checklist(41)
@pytest.mark.parametrize("statement", ["GRANT {0} TO {1} WITH INHERIT FALSE", "ALTER ROLE {1} SUPERUSER"])
def test_a_login_that_can_become_the_owner_is_refused(place: Place, folder: Path, statement: str) -> None:
    login = place.new_login("early")
    place.give(statement, place.owner, login)
    assert "superuser, or is or belongs to" in refusal(place.settings_of(login), folder)


@pytest.mark.parametrize("known", [True, False])
def test_a_login_with_the_name_of_the_gate_is_refused(place: Place, folder: Path, known: bool) -> None:
    gate = f"{place.database}_gate"
    if known:
        migrate(place.settings, folder=folder)
    assert "superuser, or is or belongs to" in refusal(place.settings_of(gate), folder)
    assert (gate, True) not in place.run(ROLES, place.prefix, place.owner)


def test_an_owner_with_the_name_of_a_group_is_refused(place: Place, folder: Path) -> None:
    name = f"{place.database}_runtime"
    place.give("ALTER ROLE {} RENAME TO {}", place.owner, name)
    place.give("ALTER ROLE {} PASSWORD {password}", name)
    settings = replace(place.settings, database_owner_url=place.url(name))
    assert f"{name} cannot be the owner" in refusal(settings, folder)


def test_names_that_postgresql_would_cut_off_are_refused(postgres: Embedded, folder: Path) -> None:
    with new_place(postgres, "é" * 20 + "xx") as place:
        assert len(place.database.encode()) == 55
        assert migrate(place.settings, folder=folder) == ["0001_only.sql"]
    with new_place(postgres, "é" * 20 + "xxx") as place:
        assert refusal(place.settings, folder).startswith("the database's name is longer than 55 bytes")


def test_without_an_owner_that_is_said(place: Place, folder: Path) -> None:
    assert refusal(replace(place.settings, database_owner_url=None), folder) == (
        "DATABASE_OWNER_URL is needed to migrate"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "wrong"}, "password authentication failed"),
        ({"port": 1}, "Connection refused"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
    ],
)
def test_an_owner_who_cannot_connect_is_told_why(place: Place, folder: Path, changes: Any, said: str) -> None:
    url = place.url(place.owner, **changes)
    text = refusal(replace(place.settings, database_owner_url=url), folder)
    assert text.startswith("cannot connect to DATABASE_OWNER_URL: ")
    assert said in text
