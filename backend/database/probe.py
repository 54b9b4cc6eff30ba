"""Readiness: a look at the database each second, on a connection of its own.

An exhausted pool is no reason to be taken out of rotation: the other replicas would be next.
"""

import asyncio
import logging
from collections.abc import Sequence
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
    _PATIENCE_SECONDS: Final = 3.0

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
        asked = asyncio.create_task(schema.migrations(self._door))
        try:
            await asyncio.wait({asked}, timeout=self._PATIENCE_SECONDS)
            if not asked.done():
                self._conclude(healthy=False)
                asked.cancel()  # That takes its time, too, while the server is silent.
                await asyncio.wait({asked})
        finally:
            asked.cancel()
        try:
            missing = sorted(self._wanted - {migration.name for migration in asked.result()})
        except (psycopg.Error, asyncio.CancelledError, TimeoutError):
            self._conclude(healthy=False)
        else:
            self._conclude(healthy=not missing, missing=missing)

    def _conclude(self, *, healthy: bool, missing: Sequence[str] = ()) -> None:
        if healthy != self._healthy:
            level = logging.INFO if healthy else logging.WARNING
            _log.log(level, "readiness", ready=healthy, not_migrated=list(missing))
        self._healthy = healthy
