"""Accounts, as their owners make, see and change them."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from queries._fetch import Cheap, Door, execute, fetch_one, fetch_optional


class User(Struct, frozen=True):
    id: UUID
    email: str
    full_name: str | None
    is_active: bool
    is_admin: bool
    email_verified_at: datetime | None
    created_at: datetime
    updated_at: datetime


FIND_ME: Final = Cheap("""
SELECT id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at
FROM   users
WHERE  id = (SELECT current_user_id())
""")


async def find_me(conn: Door) -> User | None:
    return await fetch_optional(conn, User, FIND_ME)


EDIT_ME: Final = """
UPDATE users
SET    full_name = CASE WHEN %(sets_full_name)s THEN %(full_name)s ELSE full_name END
WHERE  id = (SELECT current_user_id())
RETURNING id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at
"""


async def edit_me(conn: Door, *, sets_full_name: bool, full_name: str | None) -> User | None:
    return await fetch_optional(conn, User, EDIT_ME, sets_full_name=sets_full_name, full_name=full_name)


class SignUp(Struct, frozen=True):
    """No user and nothing to wait for: the address is taken. `next_in` is the wait (s) of the next one from there."""

    user: User | None
    retry_after: int
    next_in: int


SIGN_UP: Final = """
SELECT id, email, full_name, is_active, is_admin, email_verified_at, created_at, updated_at, retry_after, next_in
FROM   gate.sign_up(%(email)s, %(password_hash)s, %(full_name)s, %(address)s, %(network)s, %(limited)s)
"""


async def sign_up(
    conn: Door,
    *,
    email: str,
    password_hash: str,
    full_name: str | None,
    address: str,
    network: str,
    limited: bool,
) -> SignUp:
    return await fetch_one(
        conn,
        SignUp,
        SIGN_UP,
        email=email,
        password_hash=password_hash,
        full_name=full_name,
        address=address,
        network=network,
        limited=limited,
    )


class PasswordCheck(Struct, frozen=True):
    """What a password is held against; `retry_after` in seconds, 0 when it may be tried."""

    email: str
    full_name: str | None
    password_hash: str | None
    retry_after: int


BEGIN_PASSWORD_CHECK: Final = """
SELECT email, full_name, password_hash, retry_after
FROM   gate.begin_password_check(%(limited)s)
"""


async def begin_password_check(conn: Door, *, limited: bool) -> PasswordCheck | None:
    return await fetch_optional(conn, PasswordCheck, BEGIN_PASSWORD_CHECK, limited=limited)


FAIL_PASSWORD_CHECK: Final = """
SELECT gate.fail_password_check(%(address)s)
"""


async def fail_password_check(conn: Door, address: str) -> None:
    await execute(conn, FAIL_PASSWORD_CHECK, address=address)


class Done(Struct, frozen=True):
    """Whether a change found what it expected."""

    done: bool


CHANGE_PASSWORD: Final = """
SELECT gate.change_password(%(seen_digest)s, %(new_hash)s, %(address)s) AS done
"""


async def change_password(conn: Door, *, seen_digest: str, new_hash: str, address: str) -> bool:
    """False: the password was changed by somebody else since its hash was read."""
    answer = await fetch_one(conn, Done, CHANGE_PASSWORD, seen_digest=seen_digest, new_hash=new_hash, address=address)
    return answer.done


DELETE_ME: Final = """
SELECT gate.delete_me(%(seen_digest)s, %(address)s) AS done
"""


async def delete_me(conn: Door, *, seen_digest: str, address: str) -> bool:
    """False as for `change_password`."""
    return (await fetch_one(conn, Done, DELETE_ME, seen_digest=seen_digest, address=address)).done
