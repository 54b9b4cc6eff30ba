"""The connections of a worker: psycopg_pool looks after them, and what stands in front of it here lends them.

A connection that comes back goes straight to whoever has waited longest, or stays at hand for the next caller. The way
through psycopg_pool costs a write a tenth of its time: three locks and forty calls.
"""

import asyncio
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from queries._connection import Connection
from queries._sharing import SharedReads

_IDLE: Final = int(TransactionStatus.IDLE)
_AT_HAND_SECONDS: Final = 1.0


class Connections(AsyncConnectionPool[Connection]):
    """The pool, and in `reads` the cheap reads that share its connections.

    There are as many places as there may be connections. Whoever has one either has a connection or waits for one in
    psycopg_pool; the others wait here, in the order in which they came, for a connection or for a place. So those there
    came first: as long as there are any, they get what comes back.

    Every second what is at hand goes back to psycopg_pool, which ends what is not needed. What is broken or too old
    goes back at once, to be replaced.
    """

    reads: SharedReads | None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._at_hand: list[Connection] = []
        self._queue: deque[asyncio.Future[Connection | None]] = deque()
        self._places = 0  # That are taken, by what is at hand too.
        self._asking = 0  # How many have a place and no connection yet.
        self._tidying: asyncio.TimerHandle | None = None
        self._tidy_task: asyncio.Task[None] | None = None

    async def getconn(self, timeout: float | None = None) -> Connection:  # noqa: ASYNC109  # psycopg_pool's signature.
        """One that is open as far as is known: those of a server that has restarted go back to be replaced.

        Raises PoolTimeout after `timeout` seconds, TooManyRequests when as many wait already as may, PoolClosed.
        """
        until = asyncio.get_running_loop().time() + (self.timeout if timeout is None else timeout)
        while self._at_hand and not self.closed:
            connection = self._at_hand.pop()
            if connection.pgconn.transaction_status == _IDLE:
                connection._pool = self
                return connection
            await self._give_back(connection)
        if self._places < self.max_size or self.closed:
            self._places += 1
            self._asking += 1
            return await self._asked(until)
        return await self._turn(until) or await self._asked(until)

    async def putconn(self, conn: Connection) -> None:
        """Raises ValueError for one that is not lent."""
        self._check_pool_putconn(conn)
        if not self._keep(conn):
            await self._give_back(conn)

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109  # psycopg_pool's signature.
        try:
            await super().close(timeout)
        finally:
            await self._give_all_back()
            while self._queue:
                if not (turn := self._queue.popleft()).done():
                    turn.set_exception(PoolClosed(f"the pool {self.name!r} is closed"))

    def _get_measures(self) -> dict[str, int]:
        """With what is at hand and who waits for it."""
        measures = super()._get_measures()
        measures["pool_available"] += len(self._at_hand)
        measures["requests_waiting"] += len(self._queue)
        return measures

    async def _asked(self, until: float) -> Connection:
        """What psycopg_pool has or makes, for somebody who has a place."""
        loop = asyncio.get_running_loop()
        try:
            while (connection := await super().getconn(until - loop.time())).pgconn.transaction_status != _IDLE:
                await super().putconn(connection)
        except BaseException:
            self._leave()
            raise
        finally:
            self._asking -= 1
        return connection

    async def _turn(self, until: float) -> Connection | None:
        """What somebody gives back. None: it was broken, and whose turn it is has a place to ask for another."""
        if 0 < self.max_waiting <= len(self._queue) + self._asking:
            raise TooManyRequests(f"the pool {self.name!r} has already {len(self._queue)} requests waiting")
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Connection | None] = loop.create_future()
        timer = loop.call_at(until, self._refuse, turn)
        self._queue.append(turn)
        try:
            connection = await turn
        except asyncio.CancelledError:
            await self._forgo(turn)
            raise
        finally:
            timer.cancel()
        if connection:
            connection._pool = self
        return connection

    async def _forgo(self, turn: asyncio.Future[Connection | None]) -> None:
        """Of somebody who was cancelled, perhaps when it had been his turn already."""
        if turn.cancelled():
            with suppress(ValueError):
                self._queue.remove(turn)
        elif turn.exception():
            return
        elif connection := turn.result():
            if not self._keep(connection):
                await self._give_back(connection)
        else:
            self._asking -= 1
            self._leave()

    def _refuse(self, turn: asyncio.Future[Connection | None]) -> None:
        if not turn.done():
            self._queue.remove(turn)
            turn.set_exception(PoolTimeout("couldn't get a connection in time"))

    def _keep(self, connection: Connection) -> bool:
        """For the next. False: psycopg_pool has to have it."""
        is_idle = connection.pgconn.transaction_status == _IDLE
        if self._asking or self.closed or not is_idle or connection._expire_at <= monotonic():
            return False
        connection._pool = None  # As psycopg_pool does, so that nobody puts it back twice.
        if not self._hand_on(connection):
            self._at_hand.append(connection)
            if self._tidying is None:
                self._tidying = asyncio.get_running_loop().call_later(_AT_HAND_SECONDS, self._tidy)
        return True

    def _hand_on(self, connection: Connection | None) -> bool:
        """To whoever has waited longest; False if nobody waits."""
        while self._queue:
            if not (turn := self._queue.popleft()).done():
                turn.set_result(connection)
                return True
        return False

    def _leave(self) -> None:
        """Hands on a place."""
        if self._hand_on(None):
            self._asking += 1
        else:
            self._places -= 1

    async def _give_back(self, connection: Connection) -> None:
        connection._pool = self
        try:
            await super().putconn(connection)
        finally:
            self._leave()

    async def _give_all_back(self) -> None:
        if self._tidying:
            self._tidying.cancel()
            self._tidying = None
        while self._at_hand:
            await self._give_back(self._at_hand.pop())

    def _tidy(self) -> None:
        self._tidy_task = asyncio.get_running_loop().create_task(self._give_all_back())
