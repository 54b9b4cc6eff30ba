"""Sign-up, a new password, and the end of an account."""

from collections import OrderedDict
from time import monotonic
from typing import Final

from backend.contracts.passwords import weaknesses
from backend.contracts.users import Deletion, PasswordChange, SignUp
from backend.errors import (
    EmailTaken,
    FieldError,
    InvalidToken,
    TooManyAttempts,
    ValidationFailed,
    WrongPassword,
)
from backend.security.passwords import Passwords, digest_of
from backend.services.origins import Origin
from backend.settings import Settings
from queries import users
from queries._fetch import Conn
from queries.users import User


class Accounts:
    """What accounts do about themselves, where a password has to be judged or hashed."""

    def __init__(self, settings: Settings, passwords: Passwords) -> None:
        self._settings = settings
        self._passwords = passwords
        self._waits = Waits()

    async def sign_up(self, conn: Conn, data: SignUp, origin: Origin) -> User:
        """One round trip. Raises ValidationFailed, TooManyAttempts and EmailTaken.

        The database counts sign-ups of an address and says with each when the next is due. This worker remembers it
        and refuses before hashing; a worker that has not heard of it yet hashes once and is refused by the database.
        """
        self._judge(data.password, "/password", data.email, data.full_name)
        if wait := self._waits.of(origin.network):
            raise TooManyAttempts(retry_after=wait)
        answer = await users.sign_up(
            conn,
            email=data.email.lower(),
            password_hash=await self._passwords.hash(data.password),
            full_name=data.full_name,
            address=origin.address,
            network=origin.network,
            limited=self._settings.rate_limits,
        )
        self._waits.note(origin.network, answer.next_in)
        if answer.retry_after:
            raise TooManyAttempts(retry_after=answer.retry_after)
        if answer.user is None:
            raise EmailTaken
        return answer.user

    async def change_password(self, conn: Conn, data: PasswordChange, origin: Origin) -> None:
        """Two round trips; ends every other session. Raises WrongPassword, ValidationFailed and TooManyAttempts."""
        self._judge(data.new_password, "/new_password")  # What can be refused without an attempt costs none.
        seen = await self._checked(conn, data.current_password, "/current_password", origin)
        self._judge(data.new_password, "/new_password", seen.email, seen.full_name)
        new_hash = await self._passwords.hash(data.new_password)
        digest = digest_of(seen.password_hash)
        if not await users.change_password(conn, seen_digest=digest, new_hash=new_hash, address=origin.address):
            raise _wrong("/current_password")

    async def delete(self, conn: Conn, data: Deletion, origin: Origin) -> None:
        """Two round trips. Raises WrongPassword, TooManyAttempts and LastAdmin."""
        seen = await self._checked(conn, data.password, "/password", origin)
        if not await users.delete_me(conn, seen_digest=digest_of(seen.password_hash), address=origin.address):
            raise _wrong("/password")

    async def _checked(self, conn: Conn, password: str, pointer: str, origin: Origin) -> users.PasswordCheck:
        self._passwords.refuse_when_full()
        check = await users.begin_password_check(conn, limited=self._settings.rate_limits)
        if check is None:
            raise InvalidToken
        if check.retry_after:
            raise TooManyAttempts(retry_after=check.retry_after)
        verdict = await self._passwords.verify(password, check.password_hash)
        if not verdict.ok:
            await users.fail_password_check(conn, origin.address)
            raise _wrong(pointer)
        return check

    def _judge(self, password: str, pointer: str, email: str = "", full_name: str | None = None) -> None:
        if errors := weaknesses(password, pointer, self._settings.password_min_length, email, full_name or ""):
            raise ValidationFailed(errors=errors)


def _wrong(pointer: str) -> WrongPassword:
    return WrongPassword(errors=[FieldError(code="wrong_password", message="Is not the current one.", pointer=pointer)])


class Waits:
    """Until when a network has to wait, as the database last said. Forgetting costs one hash, so it is bounded."""

    _MOST: Final = 10_000

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def of(self, network: str) -> int:
        """Whole seconds, 0 when there is nothing to wait for."""
        left = self._until.get(network, 0.0) - monotonic()
        return int(left) + 1 if left > 0 else 0

    def note(self, network: str, seconds: int) -> None:
        """Remembers a wait; 0 seconds forget it."""
        self._until.pop(network, None)
        if seconds:
            self._until[network] = monotonic() + seconds
            if len(self._until) > self._MOST:
                self._until.popitem(last=False)
