"""One's own sessions."""

from uuid import UUID

from litestar import Controller
from litestar.di import NamedDependency
from litestar.params import FromPath

from backend.controllers.found import found
from backend.errors import NotFound
from backend.handlers import delete, get
from queries import sessions
from queries._fetch import Conn
from queries.sessions import Session


class SessionController(Controller):
    path = "/sessions"
    tags = ["Sessions"]

    @get("/")
    async def mine(self, conn: NamedDependency[Conn]) -> list[Session]:
        """List the sessions in which one is logged in, newest first."""
        return await sessions.mine(conn)

    @delete("/{session_id:uuid}", raises=[NotFound])
    async def end(self, conn: NamedDependency[Conn], session_id: FromPath[UUID]) -> None:
        """End a session. Its access token is refused from the next request on."""
        found(await sessions.end(conn, session_id) or None)
