"""What the operator does at the owner's connection: the first administrator, and the rights of others."""

from typing import Final
from uuid import UUID

from msgspec import Struct

from queries._fetch import Door, execute, fetch_one


class Created(Struct, frozen=True):
    id: UUID


CREATE_USER: Final = """
SELECT gate.operator_create_user(%(email)s, %(password_hash)s, %(full_name)s, %(is_admin)s) AS id
"""


async def create_user(conn: Door, *, email: str, password_hash: str, full_name: str | None, is_admin: bool) -> UUID:
    """Raises 23505 on `users_email_key` when the address is taken."""
    answer = await fetch_one(
        conn,
        Created,
        CREATE_USER,
        email=email,
        password_hash=password_hash,
        full_name=full_name,
        is_admin=is_admin,
    )
    return answer.id


SET_RIGHTS: Final = """
SELECT gate.operator_set_rights(%(email)s, %(is_active)s, %(is_admin)s)
"""


async def set_rights(conn: Door, *, email: str, is_active: bool | None, is_admin: bool | None) -> bool:
    """None leaves a right as it is. False: nobody has that address."""
    return await execute(conn, SET_RIGHTS, email=email, is_active=is_active, is_admin=is_admin) == 1


class Ended(Struct, frozen=True):
    count: int


END_SESSIONS: Final = """
SELECT gate.operator_end_sessions(%(email)s) AS count
"""


async def end_sessions(conn: Door, email: str | None) -> int:
    """How many sessions it ended: of one account, or of all."""
    return (await fetch_one(conn, Ended, END_SESSIONS, email=email)).count
