"""Cheap reads of concurrent callers in one message, each statement behind its caller's own identity."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from psycopg import OperationalError

from queries._connection import Answer, Connection, StalePlan
from queries.context import ENTER, Context

# Callers of one message. More would gain little, and one who fails has all of them asked again.
MOST: Final = 16
# Messages under way at once. While they are, others wait together, and share the next.
_AT_ONCE: Final = 2
_GRACE_SECONDS: Final = 0.5


class ReadsOverloaded(OperationalError):
    """Too many wait for a message of their own already, or they have waited too long. Nothing was asked."""


class Pool(Protocol):
    """What is needed of `psycopg_pool.AsyncConnectionPool`."""

    timeout: float
    max_waiting: int

    async def getconn(self, seconds: float | None = None, /) -> Connection: ...
    async def putconn(self, conn: Connection) -> None: ...


class _Read(NamedTuple):
    since: float
    context: Context
    statement: str
    parameters: Mapping[str, object]
    answer: Answer


class SharedReads:
    """Sends what was asked within one turn of the event loop, and whatever comes until a connection is free.

    As many wait here as may wait for the pool, and as long.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._waiting: deque[_Read] = deque()
        self._next: asyncio.Task[None] | None = None  # Takes those who wait, as soon as it has a connection.
        self._under_way: set[asyncio.Task[None]] = set()  # The loop itself holds its tasks but weakly.

    def ask(self, context: Context, statement: str, parameters: Mapping[str, object]) -> Answer:
        """None: the message failed, perhaps through somebody else, and the caller is to ask alone.

        Raises ReadsOverloaded, and what the pool does without a connection; `psycopg.OperationalError` when that broke;
        what the statement raised, if there was nobody else. Who is cancelled leaves the others their answers.
        """
        if 0 < self._pool.max_waiting <= len(self._waiting):
            # Who was cancelled takes up no place any more.
            self._waiting = deque(read for read in self._waiting if not read.answer.done())
            if self._pool.max_waiting <= len(self._waiting):
                raise ReadsOverloaded("too many wait for a connection already")
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        self._waiting.append(_Read(loop.time(), context, statement, parameters, answer))
        if self._next is None:
            self._send_next()
        return answer

    def _send_next(self) -> None:
        if self._next is None and self._waiting:
            self._next = task = asyncio.create_task(self._send())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        until = (self._waiting[0].since if self._waiting else loop.time()) + self._pool.timeout
        try:
            async with asyncio.timeout_at(until):
                await self._places.acquire()
        except TimeoutError:
            self._refuse(ReadsOverloaded("no message has come back in time"))
            return
        try:
            try:
                connection = await self._pool.getconn(max(0.001, until - loop.time()))
            except Exception as error:  # Whatever it is, those who wait have to hear of it.
                self._refuse(error)
                return
            try:
                await _answer(connection, self._taken())
            finally:
                await self._pool.putconn(connection)
        finally:
            self._places.release()

    def _taken(self) -> list[_Read]:
        """The first of those who still wait; the next message begins to wait for its own connection."""
        reads: list[_Read] = []
        while self._waiting and len(reads) < MOST:
            read = self._waiting.popleft()
            if not read.answer.done():
                reads.append(read)
        self._next = None
        self._send_next()
        return reads

    def _refuse(self, error: Exception) -> None:
        """There is no connection. If the time of the first is up, whoever has time left goes on waiting."""
        late = asyncio.get_running_loop().time() - self._pool.timeout
        is_late = bool(self._waiting) and self._waiting[0].since <= late
        in_time: deque[_Read] = deque()
        for read in self._waiting:
            if is_late and read.since > late:
                in_time.append(read)
            else:
                _raise(read, error)
        self._waiting, self._next = in_time, None
        self._send_next()


async def _answer(connection: Connection, reads: Sequence[_Read]) -> None:
    if not reads:
        return
    asked = [pair for read in reads for pair in ((ENTER, read.context.parameters()), (read.statement, read.parameters))]
    answers = [pair for read in reads for pair in (None, read.answer)]
    try:
        # As long as one statement may take. PostgreSQL says so itself, a moment earlier, unless it has fallen silent.
        async with asyncio.timeout(reads[0].context.timeout_ms / 1000 + _GRACE_SECONDS):
            await connection.answer(asked, answers)
    except (StalePlan, TimeoutError):
        _give_up(reads)
    except Exception as error:  # As above: nobody may be left waiting.
        broken = isinstance(error, OperationalError) and error.sqlstate is None
        if broken or len(reads) == 1:
            for read in reads:
                _raise(read, error)
        else:
            _give_up(reads)
    except asyncio.CancelledError:
        for read in reads:
            read.answer.cancel()
        raise


def _give_up(reads: Sequence[_Read]) -> None:
    """Whoever has no answer yet is to ask alone."""
    for read in reads:
        if not read.answer.done():
            read.answer.set_result(None)


def _raise(read: _Read, error: Exception) -> None:
    if not read.answer.done():
        read.answer.set_exception(error)
