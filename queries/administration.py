"""What administrators do to others, through the gate, which looks up by itself whether they are administrators."""

from typing import Final
from uuid import UUID

from queries._fetch import Door, execute, fetch_all, fetch_optional
from queries.sessions import Session
from queries.users import User

REQUIRE_ADMIN: Final = """
SELECT gate.require_admin()
"""


async def require_admin(conn: Door) -> None:
    """Raises P0001 with the constraint name `not_admin`."""
    await execute(conn, REQUIRE_ADMIN)


PAGE: Final = """
SELECT id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at
FROM   gate.page_of_users(%(before)s, %(limit)s)
"""


async def page(conn: Door, before: UUID, limit: int) -> list[User]:
    """Newest first, those made before the user `before`."""
    return await fetch_all(conn, User, PAGE, before=before, limit=limit)


FIND_BY_EMAIL: Final = """
SELECT id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at
FROM   gate.user_by_email(%(email)s)
"""


async def find_by_email(conn: Door, email: str) -> User | None:
    return await fetch_optional(conn, User, FIND_BY_EMAIL, email=email)


FIND: Final = """
SELECT id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at
FROM   gate.user_by_id(%(user_id)s)
"""


async def find(conn: Door, user_id: UUID) -> User | None:
    return await fetch_optional(conn, User, FIND, user_id=user_id)


EDIT: Final = """
SELECT id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at
FROM   gate.edit_user(%(user_id)s, %(sets_full_name)s, %(full_name)s, %(is_active)s, %(is_admin)s)
"""


async def edit(
    conn: Door,
    user_id: UUID,
    *,
    sets_full_name: bool,
    full_name: str | None,
    is_active: bool | None,
    is_admin: bool | None,
) -> User | None:
    """A flag of None leaves it as it is."""
    return await fetch_optional(
        conn,
        User,
        EDIT,
        user_id=user_id,
        sets_full_name=sets_full_name,
        full_name=full_name,
        is_active=is_active,
        is_admin=is_admin,
    )


REMOVE: Final = """
SELECT gate.delete_user(%(user_id)s)
"""


async def remove(conn: Door, user_id: UUID) -> bool:
    """False: there was none."""
    return await execute(conn, REMOVE, user_id=user_id) == 1


SESSIONS: Final = """
SELECT id, device_name, user_agent, ip_address, created_at, last_used_at, is_current, is_new_device
FROM   gate.sessions_of(%(user_id)s)
"""


async def sessions(conn: Door, user_id: UUID) -> list[Session]:
    """Raises P0001 with the constraint name `user_not_found`."""
    return await fetch_all(conn, Session, SESSIONS, user_id=user_id)


END_SESSIONS: Final = """
SELECT gate.end_sessions_of(%(user_id)s)
"""


async def end_sessions(conn: Door, user_id: UUID) -> None:
    """Raises as `sessions`."""
    await execute(conn, END_SESSIONS, user_id=user_id)
