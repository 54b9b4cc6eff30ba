"""The connections of a worker: psycopg_pool looks after them, and what stands in front of it here lends them.

A connection that comes back goes straight to whoever has waited longest, or stays at hand for the next caller. The way
through psycopg_pool costs a write a tenth of its time: three locks and forty calls.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any, Final

from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from queries._connection import Connection
from queries._sharing import SharedReads

_IDLE: Final = int(TransactionStatus.IDLE)
_AT_HAND_SECONDS: Final = 1.0


class Connections(AsyncConnectionPool[Connection]):
    """The pool, and in `reads` the cheap reads that share its connections.

    Every second what is at hand goes back to psycopg_pool, which ends what is too old or not needed. What is broken
    goes back at once, to be replaced. As long as somebody waits there for a new connection, he gets what comes back.
    """

    reads: SharedReads | None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._at_hand: list[Connection] = []
        self._queue: deque[asyncio.Future[Connection | None]] = deque()
        self._lent = 0  # What psycopg_pool has lent or is asked for: never more than there may be.
        self._asking = 0  # How many wait there.
        self._tidying: asyncio.TimerHandle | None = None
        self._tidy_task: asyncio.Task[None] | None = None

    async def getconn(self, timeout: float | None = None) -> Connection:  # noqa: ASYNC109  # psycopg_pool's signature.
        """One that is open as far as is known: those of a server that has restarted go back to be replaced.

        Raises PoolTimeout after `timeout` seconds, TooManyRequests when as many wait already as may, PoolClosed.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + (self.timeout if timeout is None else timeout)
        while True:
            if self._at_hand:
                connection: Connection | None = self._at_hand.pop()
            elif self._lent < self.max_size or self.closed:
                connection = await self._asked(until - loop.time())
            else:
                connection = await self._turn(until)
            if connection:
                if connection.pgconn.transaction_status == _IDLE:
                    return connection
                await self._give_back(connection)

    async def putconn(self, conn: Connection) -> None:
        if self._asking or self.closed or conn.pgconn.transaction_status != _IDLE:
            await self._give_back(conn)
        elif not self._hand_on(conn):
            self._at_hand.append(conn)
            if self._tidying is None:
                self._tidying = asyncio.get_running_loop().call_later(_AT_HAND_SECONDS, self._tidy)

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109  # psycopg_pool's signature.
        await self._give_all_back()
        await super().close(timeout)
        while self._queue:
            if not (turn := self._queue.popleft()).done():
                turn.set_exception(PoolClosed(f"the pool {self.name!r} is closed"))

    def get_stats(self) -> dict[str, int]:
        """With what is at hand and who waits for it."""
        stats = super().get_stats()
        stats["pool_available"] += len(self._at_hand)
        stats["requests_waiting"] += len(self._queue)
        return stats

    async def _asked(self, seconds: float) -> Connection:
        self._lent += 1
        self._asking += 1
        try:
            return await super().getconn(seconds)
        except BaseException:
            self._lent -= 1
            self._hand_on(None)
            raise
        finally:
            self._asking -= 1

    async def _turn(self, until: float) -> Connection | None:
        """What somebody gives back. None: it was broken, and psycopg_pool has to be asked for another."""
        if 0 < self.max_waiting <= len(self._queue) + self._asking:
            raise TooManyRequests(f"the pool {self.name!r} has already {len(self._queue)} requests waiting")
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Connection | None] = loop.create_future()
        timer = loop.call_at(until, self._refuse, turn)
        self._queue.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):
                    self._queue.remove(turn)
            elif connection := turn.result():
                await self.putconn(connection)
            else:
                self._hand_on(None)
            raise
        finally:
            timer.cancel()

    def _refuse(self, turn: asyncio.Future[Connection | None]) -> None:
        if not turn.done():
            self._queue.remove(turn)
            turn.set_exception(PoolTimeout("couldn't get a connection in time"))

    def _hand_on(self, connection: Connection | None) -> bool:
        """To whoever has waited longest; False if nobody waits."""
        while self._queue:
            if not (turn := self._queue.popleft()).done():
                turn.set_result(connection)
                return True
        return False

    async def _give_back(self, connection: Connection) -> None:
        self._lent -= 1
        try:
            await super().putconn(connection)
        finally:
            self._hand_on(None)

    async def _give_all_back(self) -> None:
        if self._tidying:
            self._tidying.cancel()
            self._tidying = None
        while self._at_hand:
            await self._give_back(self._at_hand.pop())

    def _tidy(self) -> None:
        self._tidy_task = asyncio.get_running_loop().create_task(self._give_all_back())
