"""Sessions, as their owners see and end them."""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from queries._fetch import Door, execute, fetch_all

Scope = Literal["local", "others", "global"]


class Session(Struct, frozen=True):
    id: UUID
    device_name: str | None
    user_agent: str | None
    ip_address: str
    created_at: datetime
    last_used_at: datetime
    is_current: bool
    is_new_device: bool


MINE: Final = """
SELECT id, device_name, user_agent, host(ip_address) AS ip_address, created_at, last_used_at,
       id IS NOT DISTINCT FROM (SELECT current_session_id()) AS is_current, is_new_device
FROM   sessions
WHERE  ended_at IS NULL AND idle_until > now()
ORDER BY id DESC
"""


async def mine(conn: Door) -> list[Session]:
    return await fetch_all(conn, Session, MINE)


REQUIRE: Final = """
SELECT current_session_id()
"""


async def require(conn: Door) -> None:
    """Whether one's session lives is asked by entering it. Raises P0001 with the constraint name `session_ended`."""
    await execute(conn, REQUIRE)


END: Final = """
SELECT gate.end_my_session(%(session_id)s)
"""


async def end(conn: Door, session_id: UUID) -> bool:
    """False: there is no such session, or it has ended."""
    return await execute(conn, END, session_id=session_id) == 1


END_MINE: Final = """
SELECT gate.end_my_sessions(%(scope)s)
"""


async def end_mine(conn: Door, scope: Scope) -> int:
    """How many it ended: this one, all but this one, or all."""
    return await execute(conn, END_MINE, scope=scope)
