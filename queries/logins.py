"""What happens before there is an identity: log-in and refresh, through the gate."""

from typing import Final
from uuid import UUID

from msgspec import Struct

from queries._fetch import Door, execute, fetch_one, fetch_optional


class Attempt(Struct, frozen=True):
    """The account that a log-in is for, if there is one; `retry_after` in seconds, 0 when it may be tried."""

    user_id: UUID | None
    password_hash: str | None
    retry_after: int


BEGIN_LOGIN: Final = """
SELECT user_id, password_hash, retry_after
FROM   gate.begin_login(%(email)s, %(network)s, %(limited)s)
"""


async def begin_login(conn: Door, *, email: str, network: str, limited: bool) -> Attempt:
    return await fetch_one(conn, Attempt, BEGIN_LOGIN, email=email, network=network, limited=limited)


FAIL_LOGIN: Final = """
SELECT gate.fail_login(%(email)s, %(address)s)
"""


async def fail_login(conn: Door, *, email: str, address: str) -> None:
    await execute(conn, FAIL_LOGIN, email=email, address=address)


UPGRADE_HASH: Final = """
SELECT gate.upgrade_hash(%(user_id)s, %(seen_digest)s, %(new_hash)s)
"""


async def upgrade_hash(conn: Door, *, user_id: UUID, seen_digest: str, new_hash: str) -> None:
    await execute(conn, UPGRADE_HASH, user_id=user_id, seen_digest=seen_digest, new_hash=new_hash)


class Opened(Struct, frozen=True):
    user_id: UUID
    session_id: UUID
    generation: int
    is_admin: bool


FINISH_LOGIN: Final = """
SELECT user_id, session_id, generation, is_admin
FROM   gate.finish_login(
           %(user_id)s, %(seen_digest)s, %(device_name)s, %(user_agent)s, %(address)s, %(network)s,
           %(fingerprints)s, %(idle_seconds)s, %(max_seconds)s
       )
"""


async def finish_login(
    conn: Door,
    *,
    user_id: UUID,
    seen_digest: str,
    device_name: str | None,
    user_agent: str | None,
    address: str,
    network: str,
    fingerprints: list[bytes],
    idle_seconds: int,
    max_seconds: int,
) -> Opened | None:
    """Opens a session on the device with these fingerprints, today's first.

    None: the account has changed or gone since its hash was read.
    """
    return await fetch_optional(
        conn,
        Opened,
        FINISH_LOGIN,
        user_id=user_id,
        seen_digest=seen_digest,
        device_name=device_name,
        user_agent=user_agent,
        address=address,
        network=network,
        fingerprints=fingerprints,
        idle_seconds=idle_seconds,
        max_seconds=max_seconds,
    )


class Rotation(Struct, frozen=True):
    """The session's current generation, and whose it is."""

    user_id: UUID
    generation: int
    is_admin: bool


ROTATE: Final = """
SELECT user_id, generation, is_admin
FROM   gate.rotate_session(%(session_id)s, %(generation)s, %(grace_seconds)s, %(idle_seconds)s)
"""


async def rotate(
    conn: Door, *, session_id: UUID, generation: int, grace_seconds: int, idle_seconds: int
) -> Rotation | None:
    """None: the token is too old, or its session has ended."""
    return await fetch_optional(
        conn,
        Rotation,
        ROTATE,
        session_id=session_id,
        generation=generation,
        grace_seconds=grace_seconds,
        idle_seconds=idle_seconds,
    )


END_REPLAYED: Final = """
SELECT gate.end_replayed_session(%(session_id)s, %(generation)s, %(address)s, %(grace_seconds)s)
"""


async def end_replayed(conn: Door, *, session_id: UUID, generation: int, address: str, grace_seconds: int) -> None:
    """Ends the session of a token that was refused, if it was a replay."""
    await execute(
        conn,
        END_REPLAYED,
        session_id=session_id,
        generation=generation,
        address=address,
        grace_seconds=grace_seconds,
    )


class Wait(Struct, frozen=True):
    """Seconds; 0 when there is no need."""

    retry_after: int


COUNT_FORGED: Final = """
SELECT gate.count_forged_refresh(%(network)s) AS retry_after
"""


async def count_forged(conn: Door, network: str) -> int:
    """Counts a refresh token that is none of ours. Answers with the seconds to wait."""
    return (await fetch_one(conn, Wait, COUNT_FORGED, network=network)).retry_after
