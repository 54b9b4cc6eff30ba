"""A write that is sent twice is done once: the first time it is done, and from then on its answer repeated.

After the HTTP working group's draft-ietf-httpapi-idempotency-key-header.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import psycopg
from msgspec import Struct

from backend.errors import IdempotencyKeyInUse
from queries import idempotency_keys
from queries._fetch import Conn
from queries.claim import Claim
from queries.idempotency_keys import Kept

_ANSWERED: Final = "idempotency_key_answered"


class Outcome[T](Struct, frozen=True):
    """What was written, now or, `replayed`, by an earlier request."""

    value: T
    replayed: bool


async def once[T](
    conn: Conn, claim: Claim, write: Callable[[Conn], Awaitable[T]], replay: Callable[[str], T]
) -> Outcome[T]:
    """Writes behind the claim; when there is an answer already, makes that of what was kept.

    Raises what the write does; the database refuses a key that is in use (409) or was used with another body (422).
    """
    try:
        return Outcome(await write(conn.claiming(claim)), replayed=False)
    except psycopg.Error as error:
        if not is_answered(error):
            raise
    return Outcome(replay((await kept_for(conn, claim)).answer), replayed=True)


def is_answered(error: psycopg.Error) -> bool:
    """Whether a claim was refused because there is an answer."""
    return error.diag.constraint_name == _ANSWERED


async def kept_for(conn: Conn, claim: Claim) -> Kept:
    """The answer. Raises IdempotencyKeyInUse (409) where it has just gone: whoever comes again finds the key free."""
    kept = await idempotency_keys.find(conn, claim.route, claim.key)
    if kept is None:
        raise IdempotencyKeyInUse
    return kept
