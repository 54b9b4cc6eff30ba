"""Items that come in and go out as streams, with one transaction around each."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec
import psycopg

from backend.contracts.items import Imported, NewItem
from backend.contracts.pages import OLDEST
from backend.errors import IdempotencyKeyReused
from backend.services.idempotency import Outcome, is_answered, kept_for
from queries import idempotency_keys, item_batches, item_lists
from queries._fetch import Conn, Transaction
from queries.claim import Claim
from queries.item_lists import Line

# Between two statements: more than a client may be silent for and lines may be collected for together.
_IDLE_SECONDS: Final = 40.0
_MOST_ROWS: Final = 1000


class Digested:
    """A body that passes by, and in the end its digest."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body, self._hash = body, sha256()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._body:
            self._hash.update(piece)
            yield piece

    async def digest(self) -> bytes:
        """Reads what nobody has read yet."""
        async for _ in self:
            pass
        return self._hash.digest()


async def fill(
    conn: Conn, chunks: AsyncIterator[Sequence[NewItem]], body: Digested, claim: Claim | None
) -> Outcome[Imported]:
    """All or none. While PostgreSQL keeps one chunk the next is read.

    Raises what reading does, and IdempotencyKeyReused (422) where the claim has an answer, but to another body.
    """
    if claim is None:
        async with conn.transaction(idle_seconds=_IDLE_SECONDS) as transaction:
            return Outcome(Imported(await _fill(transaction, chunks)), replayed=False)
    try:
        async with conn.claiming(claim).transaction(idle_seconds=_IDLE_SECONDS) as transaction:
            done = Imported(await _fill(transaction, chunks))
            answer = msgspec.json.encode(done).decode()
            digest = await body.digest()
            await idempotency_keys.keep(transaction, claim.route, claim.key, digest, answer, claim.seconds)
            return Outcome(done, replayed=False)
    except psycopg.Error as error:
        if not is_answered(error):
            raise
    kept = await kept_for(conn, claim)
    if kept.digest != await body.digest():
        raise IdempotencyKeyReused
    return Outcome(msgspec.json.decode(kept.answer, type=Imported), replayed=True)


async def _fill(transaction: Transaction, chunks: AsyncIterator[Sequence[NewItem]]) -> int:
    created, under_way = 0, None
    try:
        async for chunk in chunks:
            if under_way:
                created += await under_way
            titles, descriptions = [one.title for one in chunk], [one.description for one in chunk]
            under_way = asyncio.create_task(item_batches.fill(transaction, titles, descriptions))
        return created + (await under_way if under_way else 0)
    finally:
        await _end(under_way)


async def lines(conn: Conn) -> AsyncIterator[bytes]:
    """All of one's items as they are at this moment, oldest first, as NDJSON; the next are read while some are sent."""
    encode = msgspec.json.Encoder().encode_lines
    async with conn.transaction(snapshot=True, idle_seconds=_IDLE_SECONDS) as transaction:
        ahead = asyncio.create_task(item_lists.lines(transaction, OLDEST, _MOST_ROWS))
        try:
            while found := await ahead:
                ahead = asyncio.create_task(_after(transaction, found))
                yield encode(found)
        finally:
            await _end(ahead)


async def _after(transaction: Transaction, found: Sequence[Line]) -> list[Line]:
    if len(found) < _MOST_ROWS:
        return []
    return await item_lists.lines(transaction, UUID(found[-1].id), _MOST_ROWS)


async def _end[T](task: asyncio.Task[T] | None) -> None:
    """Leaves nothing under way on a connection that others will have; what it raises is told elsewhere, or too late."""
    if task:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
