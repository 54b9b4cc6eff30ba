"""A connection as the doors use it: one message there, the results of all its statements back."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from psycopg import AsyncConnection, Error, OperationalError, ProgrammingError, adapt
from psycopg.abc import PQGen, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from queries._statements import Asked, Message, Pipeline, composed

# A cached plan whose result has another type since a migration, and a prepared statement that is not there (any more).
_STALE: Final = frozenset({"0A000", "26000"})
_COPIES: Final = frozenset(map(int, (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)))
_FAILED: Final = int(ExecStatus.FATAL_ERROR)
_ROWS: Final = int(ExecStatus.TUPLES_OK)
_SYNC: Final = int(ExecStatus.PIPELINE_SYNC)
_CANCEL_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 1.0

type Row = Sequence[Any]
type Answer = asyncio.Future[Result | None]


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
    """One message on its way and the results that come back, of which one may be a `failure`.

    `answers`, if there are any, are futures of these results, and None where nobody waits for one. It is over when
    `over` is done.
    """

    __slots__ = ("answers", "failure", "is_pipeline", "over", "results", "sends")

    def __init__(self, over: asyncio.Future[None], message: Message, answers: Sequence[Answer | None]) -> None:
        self.over = over
        self.is_pipeline = isinstance(message, Pipeline)
        self.answers = [*[None] * len(message.prepares), *answers] if answers else answers
        self.results: list[PGresult] = []
        self.failure: PGresult | None = None
        self.sends = False  # There is more to send than the socket would take.


class Connection(AsyncConnection[Row]):
    """`prepared` has the names of what is prepared on it; None, behind a pooler for one, says that nothing may be.

    It waits with one callback of the loop for each readiness of the socket; psycopg's own waits cost a multiple. The
    loop keeps watching the socket between two messages: to begin and to end that costs more than to send and receive.
    """

    prepared: set[bytes] | None = None
    _transformer: Transformer | None = None  # One for all messages: it remembers who dumps and loads which type.
    _exchange: _Exchange | None = None
    _watched: int | None = None  # The socket, while the loop watches it for us.
    _looking: asyncio.TimerHandle | None = None

    async def ask(self, *asked: Asked, prepares: bool = True) -> list[Result]:
        """Sends the statements in one message, which PostgreSQL runs as one implicit transaction.

        Raises `psycopg.Error`; of these StalePlan when it may be asked again, then with `prepares` off, for the other
        connections are as stale. When the caller is cancelled so is the message, and the connection clean or closed.
        """
        async with self.lock:
            transformer = self._adapting()
            message = composed(asked, transformer, self.prepared if prepares else None)
            results = await self._exchanged(message)
        return [Result(result, transformer) for result in results[len(message.prepares) :]]

    async def answer(self, asked: Sequence[Asked], answers: Sequence[Answer | None]) -> None:
        """As `ask`, but each result goes to its future, unless that is done, as soon as it is there.

        So those of reads may: when this raises, what was read before the failure is true all the same.
        """
        async with self.lock:
            await self._exchanged(composed(asked, self._adapting(), self.prepared), answers)

    def _adapting(self) -> Transformer:
        if self._transformer is None:
            self._transformer = adapt.Transformer(self)
        return self._transformer

    async def wait[T](
        self,
        gen: PQGen[T],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109  # The signature is psycopg's.
    ) -> T:
        """Psycopg's own way, in which it watches the socket itself."""
        self._unwatch()
        return await super().wait(gen, interval, timeout)

    async def close(self) -> None:
        self._unwatch()
        if self._looking:
            self._looking.cancel()
        await super().close()

    async def _exchanged(self, message: Message, answers: Sequence[Answer | None] = ()) -> list[PGresult]:
        over = asyncio.get_running_loop().create_future()
        self._exchange = exchange = _Exchange(over, message, answers)
        try:
            self._send(message, exchange)
            await over
        except asyncio.CancelledError:
            await self._abandon(exchange)
            raise
        except Error:
            self._unwatch()  # As in _fail: libpq may have closed the socket while it sent.
            raise
        finally:
            self._exchange = None
            self._note(message, exchange.results)
        if exchange.failure:
            error = error_from_result(exchange.failure, encoding="utf-8")
            if not exchange.is_pipeline or error.sqlstate not in _STALE:
                raise error
            await self.close()
            raise StalePlan from error
        return exchange.results

    def _send(self, message: Message, exchange: _Exchange) -> None:
        message.send(self.pgconn)
        self._watch()
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look, None)
        if self.pgconn.flush() != 0:
            exchange.sends = True
            asyncio.get_running_loop().add_writer(self.pgconn.socket, self._write, exchange)

    def _write(self, exchange: _Exchange) -> None:
        try:
            if self.pgconn.flush() == 0:
                exchange.sends = False
                asyncio.get_running_loop().remove_writer(self.pgconn.socket)
        except Error as error:
            self._fail(exchange, error)

    def _read(self) -> None:
        exchange, pgconn = self._exchange, self.pgconn
        if exchange and exchange.over.done():
            self._unwatch()  # It is being abandoned, and watched again when it has been cancelled.
            return
        try:
            pgconn.consume_input()
            while exchange and not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    if exchange.is_pipeline:
                        continue  # What follows is of the next statement.
                    exchange.over.set_result(None)
                    return
                status = result.status
                if status == _SYNC:
                    pgconn.exit_pipeline_mode()
                    exchange.over.set_result(None)
                    return
                if status in _COPIES:
                    raise ProgrammingError("COPY does not travel like other statements")
                self._received(exchange, result, status)
        except Error as error:
            self._fail(exchange, error)

    def _received(self, exchange: _Exchange, result: PGresult, status: int) -> None:
        if status == _FAILED:
            exchange.failure = result
        elif status == _ROWS and exchange.answers:
            answer = exchange.answers[len(exchange.results)]
            if answer and not answer.done():
                answer.set_result(Result(result, self._adapting()))
        exchange.results.append(result)

    def _look(self, before: _Exchange | None) -> None:
        """Looks by itself while an answer is long in coming: of a socket that the server has reset uvloop says nothing.

        The timer is one for many messages, for most are answered long before it.
        """
        exchange, self._looking = self._exchange, None
        if exchange:
            if exchange is before and not exchange.over.done():
                self._read()
            self._looking = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look, exchange)

    def _fail(self, exchange: _Exchange | None, error: Error) -> None:
        # libpq has closed a socket that broke: before anybody else is given its number, it must be watched no more. Of
        # one that breaks while nobody asks the next who would hears at once, for the connection counts as closed.
        self._unwatch()
        if exchange and not exchange.over.done():
            exchange.over.set_exception(error)

    def _watch(self) -> None:
        if self._watched is None:
            self._watched = self.pgconn.socket
            asyncio.get_running_loop().add_reader(self._watched, self._read)

    def _unwatch(self) -> None:
        if self._watched is not None:
            socket, self._watched = self._watched, None
            loop = asyncio.get_running_loop()
            loop.remove_reader(socket)
            loop.remove_writer(socket)

    async def _abandon(self, exchange: _Exchange) -> None:
        """Ends what is running, and takes what comes of it, so that the connection is free for the next."""
        if not exchange.over.cancelled():
            exchange.over.exception()  # It was over in the same turn, well or not.
            return
        try:
            if exchange.sends:  # Of half a message PostgreSQL knows nothing that could be cancelled.
                await self.close()
                return
            await self.cancel_safe(timeout=_CANCEL_SECONDS)
            exchange.over = asyncio.get_running_loop().create_future()
            self._watch()
            self._read()
            async with asyncio.timeout(_CANCEL_SECONDS):
                await exchange.over
        except (Error, TimeoutError):
            await self.close()

    def _note(self, message: Message, results: Sequence[PGresult]) -> None:
        """What is prepared outlives its transaction, be that rolled back."""
        if self.prepared is not None:
            for statement, result in zip(message.prepares, results, strict=False):
                if result.status == ExecStatus.COMMAND_OK:
                    self.prepared.add(statement.name)
