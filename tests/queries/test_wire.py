"""What the wire counts is what a client really waits for, by whatever protocol it asks."""

import pytest
from psycopg import AsyncClientCursor, AsyncConnection

from backend.settings import Settings
from tests.wire import Trips, Wire


@pytest.fixture
def url(settings: Settings) -> str:
    assert settings.database_url
    return settings.database_url


async def test_every_message_that_wants_an_answer_counts(url: str) -> None:
    async with Wire.to(url) as wire, await AsyncConnection.connect(wire.url, autocommit=True) as connection:
        assert wire.trips == Trips(0, 0)
        await AsyncClientCursor(connection).execute("SELECT 1; SELECT 2")
        assert wire.trips == Trips(1, 1)
        await connection.execute("SELECT %s", (1,))
        assert wire.trips == Trips(2, 2)
        await connection.execute("SELECT %s", ("long" * 100_000,))
        assert wire.trips == Trips(3, 3)
        await connection.execute("SELECT %s", (1,), prepare=True)
        assert wire.trips == Trips(5, 5), "to prepare and to execute"


async def test_a_pipeline_waits_once(url: str) -> None:
    async with Wire.to(url) as wire, await AsyncConnection.connect(wire.url, autocommit=True) as connection:
        async with connection.pipeline():
            for number in range(3):
                await connection.execute("SELECT %s", (number,))
        assert wire.trips == Trips(1, 1), "a Flush and a Sync, and one wait"


async def test_who_waits_after_a_flush_has_had_a_turn(url: str) -> None:
    async with Wire.to(url) as wire, await AsyncConnection.connect(wire.url, autocommit=True) as connection:
        async with connection.pipeline():
            await (await connection.execute("SELECT 1")).fetchone()
            assert wire.trips == Trips(0, 1)
        assert wire.trips.turns == wire.trips.asked + 1


async def test_what_a_pipeline_asks_is_told_as_sql(url: str) -> None:
    async with Wire.to(url) as wire, await AsyncConnection.connect(wire.url, autocommit=True) as connection:
        await connection.execute("SELECT %s::text, %s::int, %s::uuid", ("it's", 5, None))
        (line,) = wire.lines
        assert line.asked == ["PREPARE  AS SELECT $1::text, $2::int, $3::uuid;EXECUTE ('it's',x'0005',NULL)"]


async def test_the_readiness_probe_does_not_count(url: str) -> None:
    async with Wire.to(url) as wire, await AsyncConnection.connect(wire.url, autocommit=True) as connection:
        await connection.execute("SELECT name FROM schema_migrations")
        assert wire.trips == Trips(0, 0)
