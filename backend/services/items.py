"""Items that are kept once, however often they are sent."""

import msgspec

from backend.contracts.items import NewItem
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
