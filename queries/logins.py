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
SELECT gate.upgrade_hash(%(user_id)s, %(seen_hash)s, %(new_hash)s)
"""


async def upgrade_hash(conn: Door, *, user_id: UUID, seen_hash: str, new_hash: str) -> None:
    await execute(conn, UPGRADE_HASH, user_id=user_id, seen_hash=seen_hash, new_hash=new_hash)


class Opened(Struct, frozen=True):
    user_id: UUID
    session_id: UUID
    generation: int
    is_admin: bool


FINISH_LOGIN: Final = """
SELECT user_id, session_id, generation, is_admin
FROM   gate.finish_login(
           %(user_id)s, %(seen_hash)s, %(device_name)s, %(user_agent)s, %(address)s, %(network)s,
           %(fingerprints)s, %(idle_seconds)s, %(max_seconds)s
       )
"""


async def finish_login(
    conn: Door,
    *,
    user_id: UUID,
    seen_hash: str,
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
        seen_hash=seen_hash,
        device_name=device_name,
        user_agent=user_agent,
        address=address,
        network=network,
        fingerprints=fingerprints,
        idle_seconds=idle_seconds,
        max_seconds=max_seconds,
    )


class Rotation(Struct, frozen=True):
    """The session's current generation; no generation, refused; `retry_after` in seconds, 0 when not throttled."""

    user_id: UUID | None
    generation: int | None
    is_admin: bool | None
    retry_after: int


ROTATE: Final = """
SELECT user_id, generation, is_admin, retry_after
FROM   gate.rotate_session(
           %(session_id)s, %(generation)s, %(network)s, %(grace_seconds)s, %(idle_seconds)s, %(limited)s
       )
"""


async def rotate(
    conn: Door,
    *,
    session_id: UUID,
    generation: int,
    network: str,
    grace_seconds: int,
    idle_seconds: int,
    limited: bool,
) -> Rotation:
    return await fetch_one(
        conn,
        Rotation,
        ROTATE,
        session_id=session_id,
        generation=generation,
        network=network,
        grace_seconds=grace_seconds,
        idle_seconds=idle_seconds,
        limited=limited,
    )


class Wait(Struct, frozen=True):
    """Seconds; 0 when there is no need."""

    retry_after: int


REFUSE_REFRESH: Final = """
SELECT gate.refuse_refresh(
           %(session_id)s, %(generation)s, %(address)s, %(network)s, %(grace_seconds)s, %(limited)s
       ) AS retry_after
"""


async def refuse_refresh(
    conn: Door,
    *,
    session_id: UUID | None,
    generation: int | None,
    address: str,
    network: str,
    grace_seconds: int,
    limited: bool,
) -> int:
    """Counts a refused refresh, and ends the session if the token was a replay. Answers with the seconds to wait."""
    answer = await fetch_one(
        conn,
        Wait,
        REFUSE_REFRESH,
        session_id=session_id,
        generation=generation,
        address=address,
        network=network,
        grace_seconds=grace_seconds,
        limited=limited,
    )
    return answer.retry_after
