"""One's own account."""

from litestar import Controller
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET

from backend.body import ANYBODYS_MAX_BYTES
from backend.contracts.users import Deletion, PasswordChange, ProfilePatch, SignUp
from backend.errors import EmailTaken, InvalidToken, LastAdmin, SignupClosed, TooManyAttempts, WrongPassword
from backend.handlers import get, patch, post, put
from backend.security.guards import require_open_signup
from backend.services.accounts import Accounts
from backend.services.origins import Origin
from queries import users
from queries._fetch import Conn
from queries.users import User


class UserController(Controller):
    path = "/users"
    tags = ["Accounts"]

    @post(
        "/",
        exclude_from_auth=True,
        guards=[require_open_signup],
        request_max_body_size=ANYBODYS_MAX_BYTES,
        raises=[SignupClosed, EmailTaken, TooManyAttempts],
    )
    async def sign_up(
        self,
        conn: NamedDependency[Conn],
        accounts: NamedDependency[Accounts],
        origin: NamedDependency[Origin],
        data: JSONBody[SignUp],
    ) -> User:
        """Create an account.

        A password has a least length, and may be neither one of the commonest nor made of the name or the address.
        """
        return await accounts.sign_up(conn, data, origin)

    @get("/me")
    async def find_me(self, conn: NamedDependency[Conn]) -> User:
        """Read one's account."""
        return _still_there(await users.find_me(conn))

    @patch("/me")
    async def edit_me(self, conn: NamedDependency[Conn], data: JSONBody[ProfilePatch]) -> User:
        """Change one's account. What is left out stays, null clears (RFC 7396)."""
        name = data.full_name
        return _still_there(
            await users.edit_me(conn, sets_full_name=name is not UNSET, full_name=None if name is UNSET else name)
        )

    @put("/me/password", status_code=204, raises=[WrongPassword, TooManyAttempts])
    async def change_password(
        self,
        conn: NamedDependency[Conn],
        accounts: NamedDependency[Accounts],
        origin: NamedDependency[Origin],
        data: JSONBody[PasswordChange],
    ) -> None:
        """Set a new password, and end every other session."""
        await accounts.change_password(conn, data, origin)

    @post("/me/deletion", status_code=204, raises=[WrongPassword, LastAdmin, TooManyAttempts])
    async def delete_me(
        self,
        conn: NamedDependency[Conn],
        accounts: NamedDependency[Accounts],
        origin: NamedDependency[Origin],
        data: JSONBody[Deletion],
    ) -> None:
        """Delete one's account and everything in it."""
        await accounts.delete(conn, data, origin)


def _still_there(user: User | None) -> User:
    """An access token can outlive its user by a few minutes, and is then no longer valid."""
    if user is None:
        raise InvalidToken
    return user
