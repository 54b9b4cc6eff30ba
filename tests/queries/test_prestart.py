"""Before it serves: PostgreSQL is waited for, and a role or a schema that would be unsafe is refused in one line."""

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from backend import prestart as module
from backend.database import refusals
from backend.database.embedded import Embedded
from backend.database.migrate import files, migrate
from backend.database.probe import Alone
from backend.operators import OperatorError
from backend.prestart import prestart
from backend.settings import Settings
from queries import schema
from tests.places import PASSWORD, Place, new_place
from tests.process.running import until

# What may be wrong with a login that is otherwise a member of the runtime group, and how that is said. Membership in
# each form: with what it inherits, without, through another role, and only with the right to grant it to oneself.
FAULTS = [
    ("a superuser", "ALTER ROLE {login} SUPERUSER"),
    ("a superuser", "GRANT postgres TO {login} WITH INHERIT FALSE"),
    ("BYPASSRLS", "ALTER ROLE {login} BYPASSRLS"),
    ("BYPASSRLS", "ALTER ROLE {other} BYPASSRLS; GRANT {other} TO {login} WITH INHERIT FALSE"),
    ("owns the tables", "GRANT {owner} TO {login}"),
    ("owns the tables", "GRANT {owner} TO {login} WITH INHERIT FALSE"),
    ("owns the tables", "GRANT {owner} TO {other}; GRANT {other} TO {login} WITH INHERIT FALSE"),
    ("owns the tables", "GRANT {owner} TO {login} WITH INHERIT FALSE, SET FALSE, ADMIN TRUE"),
    ("owns the tables", "CREATE TABLE {other} (); ALTER TABLE {other} OWNER TO {login}"),
    ("the gate", "GRANT {gate} TO {login}"),
    ("the gate", "GRANT {gate} TO {login} WITH INHERIT FALSE"),
    ("the gate", "GRANT {gate} TO {other}; GRANT {other} TO {login} WITH INHERIT FALSE"),
    ("the gate", "GRANT {gate} TO {login} WITH INHERIT FALSE, SET FALSE, ADMIN TRUE"),
    ("may CREATE", "GRANT CREATE ON SCHEMA public TO {login}"),
    ("may CREATE", "GRANT CREATE ON SCHEMA gate TO {login}"),
    ("may CREATE", "GRANT CREATE ON DATABASE {database} TO {login}"),
    ("may CREATE", "GRANT CREATE ON SCHEMA public TO {other}; GRANT {other} TO {login} WITH INHERIT FALSE"),
    ("may TRUNCATE", "GRANT TRUNCATE ON users TO {login}"),
    ("may TRUNCATE", "GRANT TRUNCATE ON items TO {login}"),
    ("may TRUNCATE", "GRANT TRUNCATE ON items TO {other}; GRANT {other} TO {login} WITH INHERIT FALSE"),
]


@pytest.fixture(scope="module")
def place(postgres: Embedded) -> Iterator[Place]:
    """Migrated; no test leaves anything in it but roles."""
    with new_place(postgres) as made:
        migrate(made.settings)
        yield made


@pytest.fixture
def fresh(postgres: Embedded) -> Iterator[Place]:
    with new_place(postgres) as made:
        yield made


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Alone]:
    """One entry for each time that somebody tries to connect."""
    made, connect = [], Alone.getconn

    async def counted(alone: Alone) -> Any:
        made.append(alone)
        return await connect(alone)

    monkeypatch.setattr(Alone, "getconn", counted)
    return made


def refusal(settings: Settings, patience: float = 20) -> str:
    with pytest.raises(OperatorError) as refused:
        prestart(settings, patience)
    text = str(refused.value)
    assert "\n" not in text
    assert PASSWORD not in text
    return text


def without_database() -> Settings:
    """Settings for a port on which nobody listens."""
    return Settings.read({"DATABASE_URL": "postgresql://app:secret@127.0.0.1:1/none"})


def test_the_login_that_migrate_makes_is_fit(place: Place) -> None:
    prestart(place.settings)


@pytest.mark.checklist(41)
@pytest.mark.parametrize(("said", "statements"), FAULTS)
def test_a_role_that_could_get_round_row_security_is_refused(place: Place, said: str, statements: str) -> None:
    login, other = (place.new_login(f"{kind}_{token_hex(3)}") for kind in ("login", "other"))
    gate, runtime = f"{place.database}_gate", f"{place.database}_runtime"
    place.give("GRANT {} TO {}", runtime, login)
    prestart(place.settings_of(login))
    place.give(statements, login=login, other=other, owner=place.owner, gate=gate, database=place.database)
    text = refusal(place.settings_of(login))
    assert text.startswith("the role of DATABASE_URL could get round row security: ")
    assert said in text


@pytest.mark.checklist(41)
@pytest.mark.parametrize("setting", ["timezone = 'Asia/Tokyo'", "datestyle = 'German'"])
def test_behind_a_pooler_the_role_itself_must_speak_utc(place: Place, setting: str) -> None:
    login = place.new_login(f"pooled_{token_hex(3)}")
    place.give("GRANT {} TO {}", f"{place.database}_runtime", login)
    place.give(f"ALTER ROLE {{}} SET {setting}", login)
    direct = place.settings_of(login)
    prestart(direct)  # Without one, each connection is told when it is made.
    said = refusal(replace(direct, database_pooler="transaction"))
    assert said.startswith(f'behind a pooler a DBA must run: ALTER ROLE "{login}" SET ')
    place.give("ALTER ROLE {} SET timezone = 'UTC'", login)
    place.give("ALTER ROLE {} SET datestyle = 'ISO'", login)
    prestart(replace(direct, database_pooler="transaction"))


def test_the_owner_is_refused(place: Place) -> None:
    assert "it owns the tables" in refusal(place.settings_of(place.owner))


def test_only_the_faults_that_there_are_are_named(place: Place) -> None:
    login = place.new_login("truncating")
    place.give("GRANT {} TO {}", f"{place.database}_runtime", login)
    place.give("GRANT TRUNCATE ON sessions TO {}", login)
    said = "the role of DATABASE_URL could get round row security: it may TRUNCATE"
    assert refusal(place.settings_of(login)) == said


def test_a_role_outside_the_runtime_group_is_told_what_is_missing(place: Place) -> None:
    login = place.new_login("stranger")
    said = refusal(place.settings_of(login))
    assert "permission denied for database" in said
    assert said.endswith("`backend migrate` makes the role a member of those who may")
    migrate(place.settings_of(login))
    prestart(place.settings_of(login))


def test_an_empty_database_is_told_to_be_migrated(fresh: Place) -> None:
    fresh.give("CREATE ROLE {} LOGIN PASSWORD {password}", fresh.login)
    text = refusal(fresh.settings)
    assert text.startswith("there is no schema")
    assert "run `backend migrate`" in text


def test_an_older_schema_is_refused_and_a_newer_one_is_fine(fresh: Place) -> None:
    migrate(fresh.settings)
    fresh.run("INSERT INTO schema_migrations (name, sha256) VALUES ('9999_of_the_next_release.sql', '')")
    prestart(fresh.settings)
    last = files()[-1].name
    fresh.run("DELETE FROM schema_migrations WHERE name = %s", last)
    assert refusal(fresh.settings) == f"the schema is older than this release; run `backend migrate` for {last}"


def test_an_old_postgresql_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "OLDEST_POSTGRESQL", 99)
    assert refusal(place.settings).startswith("PostgreSQL 99 or newer is needed, and 18.")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.replace(PASSWORD, "wrong"), "; if the role is missing, `backend migrate` makes it"),
        (lambda url: url.replace(f":{PASSWORD}", ""), "no password supplied"),
        (lambda url: f"{url}x", "does not exist"),
        (lambda url: f"{url}?sslmode=require", "does not support SSL"),
    ],
)
def test_what_waiting_does_not_mend_is_refused_at_once(
    place: Place, attempts: list[Alone], change: Any, said: str
) -> None:
    text = refusal(replace(place.settings, database_url=change(place.settings.database_url)))
    assert text.startswith("cannot connect to DATABASE_URL: ")
    assert said in text
    assert len(attempts) == 1


def test_a_role_that_may_not_log_in_is_refused_at_once(place: Place, attempts: list[Alone]) -> None:
    login = place.new_login("group", "NOLOGIN")
    assert "is not permitted to log in" in refusal(place.settings_of(login))
    assert len(attempts) == 1


def test_a_database_that_is_closed_to_the_role_is_refused_at_once(fresh: Place, attempts: list[Alone]) -> None:
    fresh.give("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", fresh.database)
    assert "permission denied for database" in refusal(fresh.settings_of(fresh.new_login("outsider")))
    assert len(attempts) == 1


def test_where_nobody_listens_waiting_has_an_end(attempts: list[Alone]) -> None:
    assert "Connection refused" in refusal(without_database(), patience=0.5)
    assert 1 < len(attempts) < 5


def test_that_it_waits_is_said_after_a_moment_and_not_before(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    prestart(place.settings, say=said.append)
    assert said == []
    monkeypatch.setattr("backend.prestart._MOMENT_SECONDS", 0.01)
    with pytest.raises(OperatorError):
        prestart(without_database(), 0.5, said.append)
    assert said == ["Waiting up to 0 s for PostgreSQL to answer"]


def test_who_listens_and_never_answers_is_not_waited_for_any_longer(attempts: list[Alone]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"postgresql://app:secret@127.0.0.1:{listener.getsockname()[1]}/none"
        assert refusal(Settings.read({"DATABASE_URL": url}), 0.3) == "cannot connect to DATABASE_URL: no answer"
    assert len(attempts) == 1


def test_postgresql_that_comes_up_meanwhile_is_waited_for(
    tmp_path_factory: pytest.TempPathFactory, attempts: list[Alone]
) -> None:
    data_dir = tmp_path_factory.mktemp("late") / "data"
    embedded = Embedded.start(data_dir, {"fsync": "off"})
    urls = {"DATABASE_URL": embedded.runtime_url, "DATABASE_OWNER_URL": embedded.owner_url}
    settings = Settings.read(urls | {"DATA_DIR": str(data_dir)})
    migrate(settings)
    embedded.stop()
    try:
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(prestart, settings)
            until(lambda: len(attempts) > 1)
            embedded = Embedded.start(data_dir, {"fsync": "off"})
            assert embedded.runtime_url == settings.database_url
            waiting.result()
    finally:
        embedded.erase()


def test_a_schema_that_is_locked_is_not_waited_for(fresh: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(fresh.settings)
    monkeypatch.setattr(module, "_ANSWER_SECONDS", 2)
    with psycopg.connect(fresh.superuser_url) as migration:
        migration.execute("LOCK TABLE schema_migrations")
        text = refusal(fresh.settings)
    assert text.startswith("PostgreSQL cannot be asked about its schema: canceling statement due to")


def test_a_connection_that_has_gone_dead_is_not_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(schema, "migrations", never)
    monkeypatch.setattr(module, "_ANSWER_SECONDS", 0.1)
    assert refusal(place.settings) == "PostgreSQL accepts connections, but does not answer in time"


def test_without_a_url_there_is_nothing_to_wait_for(place: Place) -> None:
    assert refusal(replace(place.settings, database_url=None)) == "DATABASE_URL is missing"
