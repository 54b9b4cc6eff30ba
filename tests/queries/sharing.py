"""A pool of one connection, and two people who share it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from psycopg.pq import TransactionStatus

from backend.contracts.pages import NEWEST
from backend.database.pool import Connections, create_pool
from backend.settings import Settings
from queries import items
from queries._fetch import Conn
from queries.context import Context
from tests.database import rows, until
from tests.wire import Wire

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
