"""Readiness: a look at the database each second, on a connection of its own.

An exhausted pool is no reason to be taken out of rotation: the other replicas would be next.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Final

import psycopg
import structlog

from backend.database.migrate import files
from backend.settings import Settings, conninfo
from backend.worker import draining
from queries import schema
from queries._connection import Connection
from queries._fetch import Conn
from queries._sharing import SharedReads
from queries.context import Context

_log = structlog.stdlib.get_logger("lodestar.probe")


class Alone:
    """One connection in the shape of a pool, opened when it is first wanted and again after it broke."""

    reads: SharedReads | None = None

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Connection | None = None

    async def getconn(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await Connection.connect(self._dsn, autocommit=True, prepare_threshold=None)
        return self._connection

    async def putconn(self, conn: Connection) -> None:
        """It stays with its only user."""

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()


class Probe:
    """`ready` is what the last look said; nobody waits for the next."""

    _SECONDS: Final = 1.0

    def __init__(self, settings: Settings) -> None:
        assert settings.database_url is not None
        self._alone = Alone(conninfo(settings.database_url, settings))
        self._door = Conn(self._alone, Context(timeout_ms=2000, read_only=True))
        self._wanted = frozenset(file.name for file in files())
        self._healthy: bool | None = None

    @property
    def ready(self) -> bool:
        return bool(self._healthy) and not draining.is_set()

    async def run(self) -> None:
        """Looks until it is cancelled."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(self._SECONDS)
        finally:
            with suppress(psycopg.Error):
                await self._alone.close()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(3):
                applied = {migration.name for migration in await schema.migrations(self._door)}
            missing = sorted(self._wanted - applied)
            healthy = not missing
        except (psycopg.Error, TimeoutError):
            healthy, missing = False, []
        if healthy != self._healthy:
            _log.log(logging.INFO if healthy else logging.WARNING, "readiness", ready=healthy, not_migrated=missing)
        self._healthy = healthy
