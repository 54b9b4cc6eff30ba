"""How a statement reaches PostgreSQL, and how its rows become Structs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol, get_args, get_origin

from msgspec import Struct
from msgspec.structs import fields
from psycopg import Error
from psycopg.errors import DeadlockDetected, InFailedSqlTransaction, SerializationFailure

from queries._connection import Connection, Result, Row, StalePlan
from queries._sharing import SharedReads
from queries._statements import Asked, Cheap
from queries.claim import CLAIM, Claim
from queries.context import BEGIN, BEGIN_SNAPSHOT, ENTER, IDLE, Context

_TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.01


class Pool(Protocol):
    """What is needed of `psycopg_pool.AsyncConnectionPool`: to borrow a connection, and to give it back."""

    reads: SharedReads | None

    async def getconn(self) -> Connection: ...
    async def putconn(self, conn: Connection) -> None: ...


class Conn:
    """A caller's door to the database.

    It holds no connection: each statement borrows one for as long as its round trip takes. Identity, time-outs and the
    statement go out in one message, which PostgreSQL runs as one implicit transaction; so what is entered cannot
    outlive the statement, whatever happens to either. Cheap reads share their message with those of
    other callers, each behind an identity of its own.
    """

    __slots__ = ("_claim", "_context", "_pool")

    def __init__(self, pool: Pool, context: Context, claim: Claim | None = None) -> None:
        self._pool = pool
        self._context = context
        self._claim = claim

    def claiming(self, claim: Claim) -> "Conn":
        """The same door, except that each message claims the key before anything else is done in it."""
        return Conn(self._pool, self._context, claim)

    def _front(self) -> list[Asked]:
        """What travels in front of a statement."""
        entering = ENTER, self._context.parameters()
        return [entering, (CLAIM, self._claim.parameters())] if self._claim else [entering]

    async def run(self, statement: str, parameters: dict[str, object]) -> Result:
        """What the statement gave. One that lost against another (40001, 40P01) is tried three times in all.

        Raises `psycopg.Error`, and `psycopg_pool.PoolTimeout` or `TooManyRequests` when no connection is free.
        """
        reads = self._pool.reads if self._context.read_only and isinstance(statement, Cheap) else None
        for _ in range(_TRIES - 1):
            try:
                result = reads and await reads.ask(self._context, statement, parameters)
                return result or await self._run_alone(statement, parameters)
            except (SerializationFailure, DeadlockDetected):
                reads = None
                await asyncio.sleep(_PAUSE_SECONDS)  # So that the other one can finish.
        return await self._run_alone(statement, parameters)

    async def _run_alone(self, statement: str, parameters: dict[str, object], *, prepares: bool = True) -> Result:
        connection = await self._pool.getconn()
        try:
            front = self._front()
            results = await connection.ask(*front, (statement, parameters), prepares=prepares)
        except StalePlan:
            stale = True
        else:
            stale = False
        finally:
            await self._pool.putconn(connection)
        if stale:
            return await self._run_alone(statement, parameters, prepares=False)
        return results[len(front)]

    @asynccontextmanager
    async def transaction(
        self, *, snapshot: bool = False, idle_seconds: float | None = None
    ) -> "AsyncIterator[Transaction]":
        """Several statements that happen together or not at all; BEGIN and the identity travel as one.

        With `snapshot` all of them see what was there at the beginning. The client of one that takes its time may be
        silent for `idle_seconds`; otherwise PostgreSQL ends it after twice the time of a statement.
        Raises InFailedSqlTransaction at its end when a statement has failed and the caller went on all the same.
        """
        connection = await self._pool.getconn()
        try:
            patience = [] if idle_seconds is None else [(IDLE, {"milliseconds": round(idle_seconds * 1000)})]
            begin = BEGIN_SNAPSHOT if snapshot else BEGIN
            await connection.ask((begin, {}), *self._front(), *patience)
            yield Transaction(connection, [self._front()[0], *patience])
            if (await connection.execute("COMMIT")).statusmessage != "COMMIT":
                raise InFailedSqlTransaction
        except BaseException:
            with suppress(Error):  # Of a connection that broke nothing is left, and why it broke must not be hidden.
                await connection.rollback()
            raise
        finally:
            await self._pool.putconn(connection)


class Transaction:
    """A door that stands open: the same connection for each statement until the transaction ends.

    Whose it is is entered before each of them, in the same message: a session can end in the meantime.
    """

    __slots__ = ("_connection", "_front")

    def __init__(self, connection: Connection, front: Sequence[Asked]) -> None:
        self._connection = connection
        self._front = front

    async def run(self, statement: str, parameters: dict[str, object]) -> Result:
        """As `Conn.run`, within the transaction."""
        results = await self._connection.ask(*self._front, (statement, parameters))
        return results[-1]


type Door = Conn | Transaction


async def fetch_all[T: Struct](conn: Door, shape: type[T], statement: str, **parameters: object) -> list[T]:
    """Every row, as `shape`. Raises ColumnMismatch when the columns are not the fields."""
    return _rows(shape, statement, await conn.run(statement, parameters))


async def fetch_optional[T: Struct](conn: Door, shape: type[T], statement: str, **parameters: object) -> T | None:
    """The row, or None where there is none. For statements that can find one at the most."""
    rows = _rows(shape, statement, await conn.run(statement, parameters))
    return rows[0] if rows else None


async def fetch_one[T: Struct](conn: Door, shape: type[T], statement: str, **parameters: object) -> T:
    """The row of a statement that always has exactly one."""
    (row,) = _rows(shape, statement, await conn.run(statement, parameters))
    return row


def _rows[T: Struct](shape: type[T], statement: str, result: Result) -> list[T]:
    known = _makers.get(statement)
    if known is None or known[0] is not shape:
        known = _makers[statement] = (shape, row_maker(shape, result.columns))
    return result.rows(known[1])


async def execute(conn: Door, statement: str, **parameters: object) -> int:
    """The number of rows that the statement touched."""
    return (await conn.run(statement, parameters)).rowcount


class ColumnMismatch(TypeError):
    """A statement and its Struct have drifted apart."""


# Statements are constants, so this grows no larger than the code.
_makers: Final[dict[str, tuple[type[Struct], Callable[[Row], Any]]]] = {}


def row_maker[T: Struct](shape: type[T], columns: Sequence[str]) -> Callable[[Row], T]:
    """Maps rows by position, after comparing the names; once for each statement is enough.

    A Struct may begin with another one: that takes its columns first, and is None when its first column is NULL where
    the field allows it. So what is read beside a row leaves the row as it is.
    """
    inner, make = inner_of(shape), get_origin(shape) or shape
    names = [field.encode_name for field in fields(shape)]
    expected = [field.encode_name for field in fields(inner)] + names[1:] if inner else names
    if list(columns) != expected:
        raise ColumnMismatch(f"{shape.__name__} has the fields {expected}, its statement the columns {list(columns)}")
    if inner is None:
        return lambda row: make(*row)
    width, build = len(fields(inner)), inner
    return lambda row: make(None if row[0] is None else build(*row[:width]), *row[width:])


def inner_of(shape: type[Struct]) -> type[Struct] | None:
    """The Struct that it begins with, if it does."""
    annotation = fields(shape)[0].type
    candidates: Sequence[Any] = get_args(annotation) or (annotation,)
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, Struct)), None)


__all__: Final = [
    "Cheap",
    "ColumnMismatch",
    "Conn",
    "Door",
    "Pool",
    "Transaction",
    "execute",
    "fetch_all",
    "fetch_one",
    "fetch_optional",
    "inner_of",
    "row_maker",
]
