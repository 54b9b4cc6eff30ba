"""Other people's accounts, for administrators."""

from urllib.parse import quote
from uuid import UUID

from litestar import Controller
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from backend.answers import Answer
from backend.contracts.pages import Cursor, Limit, Page, before, page_of
from backend.contracts.users import EmailFilter, UserPatch
from backend.controllers.found import found
from backend.errors import InvalidCursor, LastAdmin, NotAdmin, NotFound
from backend.handlers import delete, get, patch
from backend.security.guards import require_admin
from queries import administration
from queries._fetch import Conn
from queries.sessions import Session
from queries.users import User

PATH = "/v1/users"


class AdministrationController(Controller):
    path = "/users"
    tags = ["Administration"]
    guards = [require_admin]

    @get("/", raises=[NotAdmin, InvalidCursor])
    async def page(
        self,
        conn: NamedDependency[Conn],
        limit: Limit = 20,
        cursor: Cursor = None,
        email: EmailFilter = None,
    ) -> Answer[Page[User]]:
        """List the accounts, newest first.

        With `email` it is the account that has this address, or none.
        """
        if email is None:
            return page_of(await administration.page(conn, before(cursor, PATH), limit + 1), limit, PATH)
        before(cursor, PATH, f"email={quote(email)}")
        user = await administration.find_by_email(conn, email.lower())
        return Answer(Page([] if user is None or cursor else [user], None))

    @get("/{user_id:uuid}", raises=[NotAdmin, NotFound])
    async def find(self, conn: NamedDependency[Conn], user_id: FromPath[UUID]) -> User:
        """Read an account."""
        return found(await administration.find(conn, user_id))

    @patch("/{user_id:uuid}", raises=[NotAdmin, NotFound, LastAdmin])
    async def edit(self, conn: NamedDependency[Conn], user_id: FromPath[UUID], data: JSONBody[UserPatch]) -> User:
        """Change an account.

        It can be enabled or disabled, get or lose the rights of an administrator, and be renamed. What is left out
        stays, null clears the name (RFC 7396).
        """
        return found(
            await administration.edit(
                conn,
                user_id,
                sets_full_name=data.full_name is not UNSET,
                full_name=None if data.full_name is UNSET else data.full_name,
                is_active=None if data.is_active is UNSET else data.is_active,
                is_admin=None if data.is_admin is UNSET else data.is_admin,
            )
        )

    @delete("/{user_id:uuid}", raises=[NotAdmin, NotFound, LastAdmin])
    async def remove(self, conn: NamedDependency[Conn], user_id: FromPath[UUID]) -> None:
        """Delete an account and everything in it."""
        found(await administration.remove(conn, user_id) or None)

    @get("/{user_id:uuid}/sessions", raises=[NotAdmin, NotFound])
    async def sessions(self, conn: NamedDependency[Conn], user_id: FromPath[UUID]) -> list[Session]:
        """List the sessions of an account, newest first."""
        return await administration.sessions(conn, user_id)

    @delete("/{user_id:uuid}/sessions", raises=[NotAdmin, NotFound])
    async def end_sessions(self, conn: NamedDependency[Conn], user_id: FromPath[UUID]) -> None:
        """End all sessions of an account. Their access tokens are refused from the next request on."""
        await administration.end_sessions(conn, user_id)
