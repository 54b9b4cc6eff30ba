"""Items that are kept once, however often they are sent."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from backend.contracts.items import Batch, NewItem
from backend.services.idempotency import Outcome, once
from queries import items
from queries._fetch import Conn
from queries.claim import Claim
from queries.items import Item
from queries.versioned import Versioned


async def add(conn: Conn, new: NewItem, claim: Claim | None) -> Outcome[Versioned[Item]]:
    """A new item; with a claim perhaps one that an earlier request has kept, as it was then."""
    if claim is None:
        return Outcome(await items.add(conn, new.title, new.description), replayed=False)
    return await once(
        conn,
        claim,
        write=lambda claiming: items.add_once(claiming, claim, new.title, new.description),
        replay=lambda answer: Versioned(msgspec.json.decode(answer, type=Item), 1),
    )


async def add_many(conn: Conn, new: Sequence[NewItem], claim: Claim | None) -> Outcome[Batch]:
    """All or none. With a claim perhaps only the number of those that an earlier request has kept."""

    async def write(door: Conn) -> Batch:
        added = await items.add_many(door, (one.title for one in new), (one.description for one in new))
        return Batch(len(added), added)

    if claim is None:
        return Outcome(await write(conn), replayed=False)
    answer = msgspec.json.encode(Batch(len(new))).decode()
    return await once(conn, replace(claim, answer=answer), write, lambda kept: msgspec.json.decode(kept, type=Batch))
