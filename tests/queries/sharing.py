"""A pool of one connection, and two people who share it."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, NamedTuple
from uuid import UUID

from msgspec.structs import replace
from psycopg.pq import TransactionStatus

from backend.contracts.pages import NEWEST
from backend.database.connections import Connections
from backend.database.pool import create_pool
from backend.settings import Settings
from queries import items
from queries._fetch import Conn
from queries.context import Context
from tests.database import rows, until
from tests.wire import Wire

type Changed = Callable[..., AbstractAsyncContextManager[Shared]]
type Wish = Callable[[Connections, Context], Awaitable[None]]

STATE: Final = """
SELECT nullif(current_setting('lodestar.user_id', true), ''), nullif(current_setting('lodestar.session_id', true), ''),
       current_setting('statement_timeout'), current_setting('lock_timeout'),
       current_setting('idle_in_transaction_session_timeout'), current_setting('transaction_read_only')
"""
CLEAN: Final = (None, None, "0", "0", "0", "off")


class Shared(NamedTuple):
    """One connection, along a wire, and the two who share it."""

    pool: Connections
    wire: Wire
    people: tuple[Context, Context]

    async def is_clean(self) -> None:
        """The connection is in the pool and knows nothing of who had it last; both see what is theirs, and no more."""
        await until(lambda: self.pool.get_stats()["pool_available"] == 1)
        connection = await self.pool.getconn()
        try:
            assert connection.info.transaction_status == TransactionStatus.IDLE
            assert await rows(connection, STATE) == [CLEAN]
            assert await rows(connection, "SELECT FROM items") == []
        finally:
            await self.pool.putconn(connection)
        for person in self.people:
            seen = await items.page(Conn(self.pool, person), NEWEST, 100)
            assert {item.owner_id for item in seen} == {person.user_id}
        stats = self.pool.get_stats()
        assert (stats["pool_size"], stats["pool_available"], stats["requests_waiting"]) == (1, 1, 0)


@asynccontextmanager
async def sharing(settings_with: Callable[..., Settings], ada: Context, bob: Context) -> AsyncIterator[Shared]:
    url = settings_with().database_url
    assert url
    async with Wire.to(url) as wire:
        pool = create_pool(settings_with(DATABASE_URL=wire.url, POOL_MIN_SIZE="1", POOL_MAX_SIZE="1"))
        async with pool:
            await pool.wait()
            for person in (ada, bob):
                await items.add(Conn(pool, person), "A lens", None)
            yield Shared(pool, wire, (ada, bob))


async def reading(pool: Connections, who: Context) -> None:
    await items.page(Conn(pool, who), NEWEST, 20)


async def writing(pool: Connections, who: Context) -> None:
    await items.add(Conn(pool, who), "A lens", None)


async def writing_twice(pool: Connections, who: Context) -> None:
    async with Conn(pool, who).transaction() as transaction:
        await items.add(transaction, "first", None)
        await items.add(transaction, "second", None)


def reader(shared: Shared, number: int = 0, **changes: Any) -> Conn:
    """A door of somebody who may only read."""
    return Conn(shared.pool, replace(shared.people[number % 2], read_only=True, **changes))


async def owner(conn: Conn) -> UUID:
    """Whose items one sees."""
    (one,) = {item.owner_id for item in await items.page(conn, NEWEST, 100)}
    return one


async def together[T](shared: Shared, *wishes: Awaitable[T]) -> tuple[list[Any], list[int]]:
    """What came of the wishes, all made before there was a connection; and how many callers each message had."""
    held = await shared.pool.getconn()
    told = len(shared.wire.asked)
    tasks = [asyncio.ensure_future(wish) for wish in wishes]
    for _ in range(3):
        await asyncio.sleep(0)
    await shared.pool.putconn(held)
    async with asyncio.timeout(10):
        found = await asyncio.gather(*tasks, return_exceptions=True)
    return found, callers(shared.wire.asked[told:])


def callers(messages: list[str]) -> list[int]:
    """How many identities each message enters, be that prepared or spelled out."""
    return [len(re.findall(r"EXECUTE enter_|SELECT enter\((?!\$)", text)) for text in messages]
