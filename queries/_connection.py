"""A connection as the doors use it: one message there, the results of all its statements back."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from psycopg import AsyncConnection, Error, OperationalError, ProgrammingError, adapt
from psycopg.abc import Transformer
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from queries._statements import Asked, Message, composed

# A cached plan whose result has another type since a migration, and a prepared statement that is not there (any more).
_STALE: Final = frozenset({"0A000", "26000"})
_COPIES: Final = frozenset({ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH})
_CANCEL_SECONDS: Final = 5.0

type Row = Sequence[Any]


class StalePlan(OperationalError):
    """What was prepared on the connection does not fit any more. Nothing was done, and the connection is closed."""


class Result:
    """What one statement gave."""

    __slots__ = ("_result", "_transformer")

    def __init__(self, result: PGresult, transformer: Transformer) -> None:
        self._result = result
        self._transformer = transformer
        # Looks up the loaders of its columns, for which the connection must still be open.
        transformer.set_pgresult(result)

    @property
    def columns(self) -> list[str]:
        return [(self._result.fname(number) or b"").decode() for number in range(self._result.nfields)]

    @property
    def rowcount(self) -> int:
        """How many rows it touched."""
        return self._result.command_tuples or 0

    def rows[T](self, make: Callable[[Row], T]) -> list[T]:
        """Each row as `make` makes it."""
        self._transformer.set_pgresult(self._result)
        return self._transformer.load_rows(0, self._result.ntuples, make)


class _Exchange:
    """One message on its way and the results that come back.

    It waits with one callback of the loop for each readiness of the socket; psycopg's own waits cost a multiple.
    """

    __slots__ = ("_loop", "_over", "_pgconn", "_socket", "_watched", "results", "sends")

    def __init__(self, pgconn: PGconn) -> None:
        self.results: list[PGresult] = []
        self.sends = False  # There is more to send than the socket would take.
        self._pgconn, self._socket = pgconn, pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._over = self._loop.create_future()
        self._watched = True

    async def run(self, text: bytes) -> None:
        self._pgconn.send_query(text)
        self._loop.add_reader(self._socket, self._read)
        try:
            if self._pgconn.flush() != 0:
                self.sends = True
                self._loop.add_writer(self._socket, self._write)
            await self._over
        finally:
            self._unwatch()

    def _read(self) -> None:
        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy() and not self._over.done():
                if (result := self._pgconn.get_result()) is None:
                    self._over.set_result(None)
                elif result.status in _COPIES:
                    raise ProgrammingError("COPY does not travel like other statements")
                else:
                    self.results.append(result)
        except Error as error:
            self._fail(error)

    def _write(self) -> None:
        try:
            if self._pgconn.flush() == 0:
                self.sends = False
                self._loop.remove_writer(self._socket)
        except Error as error:
            self._fail(error)

    def _fail(self, error: Error) -> None:
        # libpq has closed a socket that broke: before anybody else is given its number, it must be watched no more.
        self._unwatch()
        if not self._over.done():
            self._over.set_exception(error)

    def _unwatch(self) -> None:
        if self._watched:
            self._watched = False
            self._loop.remove_reader(self._socket)
            if self.sends:
                self._loop.remove_writer(self._socket)


class Connection(AsyncConnection[Row]):
    """`prepared` has the names of what is prepared on it; None, behind a pooler for one, says that nothing may be."""

    prepared: set[bytes] | None = None

    async def ask(self, *asked: Asked, prepares: bool = True) -> list[Result]:
        """Sends the statements in one message, which PostgreSQL runs as one implicit transaction.

        Raises `psycopg.Error`; of these StalePlan when it may be asked again, then with `prepares` off, for the other
        connections are as stale. When the caller is cancelled so is the message, and the connection clean or closed.
        """
        transformer = adapt.Transformer(self)
        async with self.lock:
            message = composed(asked, transformer, self.prepared if prepares else None)
            results = await self._results_of(message)
        if results[-1].status == ExecStatus.FATAL_ERROR:
            error = error_from_result(results[-1], encoding="utf-8")
            if self.prepared is None or not prepares or error.sqlstate not in _STALE:
                raise error
            await self.close()
            raise StalePlan from error
        return [Result(result, transformer) for result in results[len(message.prepares) :]]

    async def _results_of(self, message: Message) -> list[PGresult]:
        exchange = _Exchange(self.pgconn)
        try:
            await exchange.run(message.text)
        except asyncio.CancelledError:
            await self._abandon(exchange)
            raise
        finally:
            self._note(message, exchange.results)
        return exchange.results

    async def _abandon(self, exchange: _Exchange) -> None:
        """Ends what is running, and takes what comes of it, so that the connection is free for the next."""
        try:
            if exchange.sends:  # Of half a message PostgreSQL knows nothing that could be cancelled.
                await self.close()
            else:
                await self.cancel_safe(timeout=_CANCEL_SECONDS)
                exchange.results += await self.wait(fetch_many(self.pgconn), timeout=_CANCEL_SECONDS)
        except Error:
            await self.close()

    def _note(self, message: Message, results: Sequence[PGresult]) -> None:
        """PREPARE outlives its transaction, be that rolled back."""
        if self.prepared is not None:
            for statement, result in zip(message.prepares, results, strict=False):
                if result.status == ExecStatus.COMMAND_OK:
                    self.prepared.add(statement.name)
