"""Who is asking: the one way in. Every route wants a token, except those whose handler says `exclude_from_auth=True`.

Middleware of our own instead of Litestar's JWTAuth, which lets HEAD pass without a token, takes `Basic <jwt>` as well,
can leave out paths by an unanchored pattern, and knows one shared secret and no `kid`.
"""

from litestar.types import ASGIApp, Receive, Scope, Send

from backend import errors
from backend.security.tokens import AccessTokens, InvalidToken, Principal


class BearerAuthentication:
    """Leaves a Principal in `scope["user"]`, from the claims alone; whether its session still lives, the database says
    in passing.
    """

    __slots__ = ("_app", "_tokens")

    def __init__(self, app: ASGIApp, tokens: AccessTokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["route_handler"].opt.get("exclude_from_auth") and scope.get("method") != "OPTIONS":
            scope["user"] = principal_of(scope, self._tokens)
        await self._app(scope, receive, send)


def principal_of(scope: Scope, tokens: AccessTokens) -> Principal:
    """`Bearer` only, and one space or more (RFC 6750, 2.1); of several headers the list is no token.

    Raises NotAuthenticated and InvalidToken (401).
    """
    given = scope["state"]["headers"].get(b"authorization")
    if given is None:
        raise errors.NotAuthenticated
    scheme, _, token = given.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise errors.InvalidToken
    try:
        return tokens.verify(token.lstrip(" "))
    except InvalidToken:
        raise errors.InvalidToken from None
