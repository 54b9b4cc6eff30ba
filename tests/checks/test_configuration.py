"""Values that do not go together are told by the line where they were given, those that do are not."""

import re
from pathlib import Path
from typing import Final

import pytest

from backend.checks import configuration
from backend.checks.configuration import Machine, check
from backend.checks.database import Database, opened
from backend.checks.findings import Finding
from backend.configuration.sources import Environment
from backend.configuration.variables import read
from backend.settings import Settings
from tests.places import Place

MIB: Final = 2**20
MACHINE: Final = Machine(cpus=4, memory=None)
# The defaults, but for what is read from the machine.
PLAIN: Final = {"WORKERS": "2", "HASH_WORKERS": "2"}


def found(
    place: Place, checked: Database, machine: Machine = MACHINE, replicas: int = 1, **given: str
) -> list[Finding]:
    """What is found with these in the environment."""
    env = PLAIN | given
    settings = Settings.read(place.environment | env)
    return list(check(settings, checked, replicas=replicas, machine=machine, env=env, file=Path("none")))


def test_defaults_go_together(place: Place, checked: Database) -> None:
    settings = Settings.read(place.environment)
    cpus = Machine(settings.workers * settings.hash_workers, None)
    assert list(check(settings, checked, machine=cpus, env={}, file=Path("none"))) == []
    assert found(place, checked) == []


@pytest.mark.parametrize(
    ("code", "variable", "wrong", "right"),
    [
        # 200 connections (tests/conftest.py), less three for superusers.
        ("connections", "POOL_MAX_SIZE", {"POOL_MAX_SIZE": "98"}, {"POOL_MAX_SIZE": "97"}),
        ("cpus", "HASH_WORKERS", {"HASH_WORKERS": "3"}, {"HASH_WORKERS": "2"}),
        ("cpus", "HASH_WORKERS", {"WORKERS": "5", "HASH_WORKERS": "1"}, {"WORKERS": "4", "HASH_WORKERS": "1"}),
        ("lifetimes", "REFRESH_TOKEN_SECONDS", {"REFRESH_TOKEN_SECONDS": "600"}, {"REFRESH_TOKEN_SECONDS": "601"}),
        ("lifetimes", "REFRESH_TOKEN_SECONDS", {"SESSION_MAX_SECONDS": "1209599"}, {"SESSION_MAX_SECONDS": "1209600"}),
        ("lifetimes", "REFRESH_GRACE_SECONDS", {"ACCESS_TOKEN_SECONDS": "10"}, {"ACCESS_TOKEN_SECONDS": "11"}),
        ("lifetimes", "IDEMPOTENCY_SECONDS", {"IDEMPOTENCY_SECONDS": "30"}, {"IDEMPOTENCY_SECONDS": "31"}),
        (
            "timeouts",
            "STATEMENT_TIMEOUT",
            {"STATEMENT_TIMEOUT": "27.1", "SHUTDOWN_TIMEOUT": "40"},
            {"STATEMENT_TIMEOUT": "27", "SHUTDOWN_TIMEOUT": "40"},
        ),
        (
            "timeouts",
            "SHUTDOWN_TIMEOUT",
            {"STATEMENT_TIMEOUT": "18", "DRAIN_SECONDS": "100"},
            {"STATEMENT_TIMEOUT": "17", "DRAIN_SECONDS": "100"},
        ),
        ("timeouts", "SHUTDOWN_TIMEOUT", {"SHUTDOWN_TIMEOUT": "29.9"}, {"SHUTDOWN_TIMEOUT": "30"}),
        (
            "timeouts",
            "SHUTDOWN_TIMEOUT",
            {"REQUEST_TIMEOUT": "40", "DRAIN_SECONDS": "19"},
            {"REQUEST_TIMEOUT": "40", "DRAIN_SECONDS": "20"},
        ),
    ],
)
def test_each_relation_has_two_sides(
    place: Place, checked: Database, code: str, variable: str, wrong: dict[str, str], right: dict[str, str]
) -> None:
    (one,) = found(place, checked, **wrong)
    assert (one.file, one.line, one.code, one.of) == ("environment", 0, code, variable)
    assert f"{variable} " in one.sentence
    assert found(place, checked, **right) == []


def test_hashes_and_workers_fit_into_the_memory_of_the_control_group(place: Place, checked: Database) -> None:
    needed = 2 * (90 + 2 * 19) * MIB
    (one,) = found(place, checked, Machine(4, needed - 1))
    assert (one.code, one.of) == ("memory", "HASH_WORKERS")
    assert one.sentence == (
        "WORKERS 2 x (90 MiB + HASH_WORKERS 2 x ARGON2_MEMORY_KIB 19456) are 256 MiB, and the cgroup allows 255 MiB"
    )
    assert found(place, checked, Machine(4, needed)) == []


def test_replicas_have_a_pool_each_unless_there_is_a_pooler(place: Place, checked: Database) -> None:
    assert found(place, checked, replicas=10) == []
    (one,) = found(place, checked, replicas=11)
    assert one.sentence == (
        "11 replicas x WORKERS 2 x (POOL_MAX_SIZE 8 + 1) are 198 connections, and PostgreSQL has 197"
    )
    assert found(place, checked, replicas=11, DATABASE_POOLER="transaction") == []


def test_how_many_workers_a_developer_has_by_default_says_nothing(place: Place, checked: Database) -> None:
    settings = Settings.read(place.environment | {"WORKERS": "100", "HASH_WORKERS": "1"})
    machine = Machine(100, None)
    assert list(check(settings, checked, machine=machine, env={}, file=Path("none"))) == []
    assert list(check(settings, checked, machine=machine, env={"WORKERS": "100"}, file=Path("none")))


def test_the_limits_of_login_and_database_count_as_well(place: Place, checked: Database) -> None:
    place.give("ALTER ROLE {} CONNECTION LIMIT 17", place.login)
    place.give("ALTER DATABASE {} CONNECTION LIMIT 16", place.database)
    try:
        assert [one.sentence.partition("connections, and ")[2] for one in found(place, checked)] == [
            f"{place.login} may have 17",
            "the database takes 16",
        ]
        place.give("ALTER ROLE {} CONNECTION LIMIT 18", place.login)
        place.give("ALTER DATABASE {} CONNECTION LIMIT 18", place.database)
        assert found(place, checked) == []
    finally:
        place.give("ALTER ROLE {} CONNECTION LIMIT -1", place.login)
        place.give("ALTER DATABASE {} CONNECTION LIMIT -1", place.database)


def test_the_line_of_a_development_file_is_named(place: Place, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# HASH_WORKERS=1\nHASH_WORKERS=1\nWORKERS=\n export HASH_WORKERS = 9\nDATABASE_POOLER=off\n")
    settings = Settings.read(place.environment | {"WORKERS": "2", "HASH_WORKERS": "9"})
    with opened(settings) as database:

        def places(**env: str) -> list[tuple[str, int]]:
            return [(one.file, one.line) for one in check(settings, database, machine=MACHINE, env=env, file=file)]

        assert places() == [(".env", 4)]
        assert places(HASH_WORKERS="9") == [("environment", 0)]
        file.write_text("WORKERS=2\n")
        assert places(HASH_WORKERS="9") == [(".env", 1)]


def test_every_variable_that_is_named_is_one() -> None:
    named = set(re.findall(r'"([A-Z][A-Z0-9_]+)"', Path(configuration.__file__).read_text()))
    assert len(named) > 10
    assert named <= {name.upper() for name in read(Environment({}))}
