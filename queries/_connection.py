"""A connection as the doors use it: one message there, the results of all its statements back."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from psycopg import AsyncConnection, Error, OperationalError, ProgrammingError, adapt
from psycopg.abc import Transformer
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

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


class Connection(AsyncConnection[Row]):
    """`prepared` has the names of what is prepared on it; None, behind a pooler for one, says that nothing may be."""

    prepared: set[bytes] | None = None

    async def ask(self, *asked: Asked, prepares: bool = True) -> list[Result]:
        """Sends the statements in one message, which PostgreSQL runs as one implicit transaction.

        Raises `psycopg.Error`; of these StalePlan when it may be asked again, then with `prepares` off, for the other
        connections are as stale. When the caller is cancelled so is the message, and the connection clean or closed.
        """
        transformer = adapt.Transformer(self)
        message = composed(asked, transformer, self.prepared if prepares else None)
        results: list[PGresult] = []
        self.pgconn.send_query(message.text)
        try:
            await self._receive(results)
        except asyncio.CancelledError:
            await self._abandon(results)
            raise
        finally:
            self._note(message, results)
        if results[-1].status == ExecStatus.FATAL_ERROR:
            error = error_from_result(results[-1], encoding="utf-8")
            if self.prepared is None or not prepares or error.sqlstate not in _STALE:
                raise error
            await self.close()
            raise StalePlan from error
        return [Result(result, transformer) for result in results[len(message.prepares) :]]

    async def _receive(self, results: list[PGresult]) -> None:
        """Waits with one callback of the loop for each readiness of the socket; psycopg's own waits cost a multiple."""
        pgconn, loop = self.pgconn, asyncio.get_running_loop()
        socket, over = pgconn.socket, loop.create_future()

        def read() -> None:
            try:
                pgconn.consume_input()
                while not pgconn.is_busy() and not over.done():
                    if (result := pgconn.get_result()) is None:
                        over.set_result(None)
                    elif result.status in _COPIES:
                        raise ProgrammingError("COPY does not travel like other statements")
                    else:
                        results.append(result)
            except Error as error:
                if not over.done():
                    over.set_exception(error)

        loop.add_reader(socket, read)
        try:
            if pgconn.flush() != 0:
                await self._send_rest()
            await over
        finally:
            loop.remove_reader(socket)

    async def _send_rest(self) -> None:
        """What the socket would not take at once of a large message."""
        pgconn, loop = self.pgconn, asyncio.get_running_loop()
        sent = loop.create_future()

        def write() -> None:
            try:
                if pgconn.flush() == 0 and not sent.done():
                    sent.set_result(None)
            except Error as error:
                if not sent.done():
                    sent.set_exception(error)

        loop.add_writer(pgconn.socket, write)
        try:
            await sent
        finally:
            loop.remove_writer(pgconn.socket)

    async def _abandon(self, results: list[PGresult]) -> None:
        """Ends what is running, and takes what comes of it, so that the connection is free for the next."""
        try:
            async with asyncio.timeout(_CANCEL_SECONDS):
                await self.cancel_safe(timeout=_CANCEL_SECONDS)
                results += await self.wait(fetch_many(self.pgconn))
        except (Error, TimeoutError):
            await self.close()

    def _note(self, message: Message, results: Sequence[PGresult]) -> None:
        """PREPARE outlives its transaction, be that rolled back."""
        if self.prepared is not None:
            for statement, result in zip(message.prepares, results, strict=False):
                if result.status == ExecStatus.COMMAND_OK:
                    self.prepared.add(statement.name)
