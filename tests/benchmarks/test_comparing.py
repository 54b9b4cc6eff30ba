"""The command that compares, as far as it goes without a load; and the counting wire."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from psycopg import AsyncClientCursor, AsyncConnection

from backend.operators import OperatorError
from backend.settings import Settings
from tests.benchmarks.answering import Answers, CountingWire
from tests.benchmarks.servers import started
from tests.process.running import ROOT


def run_compare(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.benchmarks.compare", *arguments]
    values: Mapping[str, str] = os.environ | environment
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=values)


def test_the_command_explains_itself() -> None:
    done = run_compare("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in ("--rounds", "--seconds", "--connections", "--only", "--json", "--svg"):
        assert option in done.stdout


def test_a_missing_load_generator_is_refused_in_one_line() -> None:
    done = run_compare(PATH="")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "compare: wrk is not installed: it makes the load. Debian and Ubuntu have it in the package wrk."
    ]


def test_an_unknown_scenario_is_refused_in_one_line() -> None:
    done = run_compare("--only", "me,mine")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "there is no mine among live, me, items, create" in done.stderr


def test_a_server_that_does_not_start_is_named_with_its_last_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('it has\\na reason')"]
    with (
        pytest.raises(OperatorError, match=r"^peer did not start: a reason$"),
        started("peer", command, tmp_path, {}, list),
    ):
        pass


async def test_statements_are_counted_by_whatever_message_they_came(settings: Settings) -> None:
    assert settings.database_url
    async with (
        CountingWire.to(settings.database_url) as wire,
        await AsyncConnection.connect(wire.url, autocommit=True, prepare_threshold=None) as connection,
    ):
        assert wire.statements == 0
        await AsyncClientCursor(connection).execute("SELECT 1; SELECT 2")
        assert wire.statements == 2
        await AsyncClientCursor(connection).execute("PREPARE one AS SELECT 1; EXECUTE one; EXECUTE one")
        assert wire.statements == 5
        await connection.execute("SELECT repeat('long', %s)", (100_000,))
        assert wire.statements == 6


async def test_the_readiness_probe_completes_nobodys_statements(settings: Settings) -> None:
    assert settings.database_url
    async with (
        CountingWire.to(settings.database_url) as wire,
        await AsyncConnection.connect(wire.url, autocommit=True) as connection,
    ):
        await connection.execute("SELECT name FROM schema_migrations")
        assert wire.statements == 0


def test_messages_are_told_apart_wherever_the_network_cuts_them() -> None:
    stream = b"N" + b"R\0\0\0\x08\0\0\0\0" + b"C\0\0\0\x0dSELECT 1\0" + b"D\0\0\0\x06\0C" + b"C\0\0\0\x0aBEGIN\0"
    answers = Answers()
    for position in range(len(stream)):
        answers.heard(stream[position : position + 1])
    assert answers.completed == 2
