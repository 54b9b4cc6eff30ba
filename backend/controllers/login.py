"""Log-in, refresh and log-out."""

from typing import Annotated

from litestar import Controller
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from backend.body import ANYBODYS_MAX_BYTES
from backend.contracts.login import Login, Refresh, Tokens
from backend.errors import InvalidCredentials, InvalidRefreshToken, TooManyAttempts
from backend.handlers import post
from backend.services.logins import Logins
from backend.services.origins import Origin
from queries import sessions
from queries._fetch import Conn
from queries.sessions import Scope


class LoginController(Controller):
    tags = ["Log-in"]

    @post(
        "/login",
        operation_id="login",
        exclude_from_auth=True,
        exclude_from_compression=True,
        status_code=200,
        request_max_body_size=ANYBODYS_MAX_BYTES,
        raises=[InvalidCredentials, TooManyAttempts],
    )
    async def login(
        self,
        conn: NamedDependency[Conn],
        logins: NamedDependency[Logins],
        origin: NamedDependency[Origin],
        data: JSONBody[Login],
    ) -> Tokens:
        """Log in with e-mail address and password.

        The answer to a wrong password, an unknown address and a disabled account is the same. After several failures
        there is a wait, which Retry-After gives.
        """
        return await logins.login(conn, data, origin)

    @post(
        "/login/refresh",
        exclude_from_auth=True,
        exclude_from_compression=True,
        status_code=200,
        request_max_body_size=ANYBODYS_MAX_BYTES,
        raises=[InvalidRefreshToken, TooManyAttempts],
    )
    async def refresh(
        self,
        conn: NamedDependency[Conn],
        logins: NamedDependency[Logins],
        origin: NamedDependency[Origin],
        data: JSONBody[Refresh],
    ) -> Tokens:
        """Exchange a refresh token for new tokens.

        It can be used once. For a few seconds more it still gets the current one, for a client that lost the answer;
        after that, using it again ends the session.
        """
        return await logins.refresh(conn, data.refresh_token, origin)

    @post("/logout", operation_id="logout", status_code=204)
    async def logout(
        self,
        conn: NamedDependency[Conn],
        scope_of: Annotated[Scope, QueryParameter(name="scope", description="Which sessions end.")] = "local",
    ) -> None:
        """Log out. Access tokens of the ended sessions are refused from the next request on."""
        await sessions.end_mine(conn, scope_of)
