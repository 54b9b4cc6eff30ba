"""Who is asking: Litestar's JWT middleware, narrowed to what we accept.

Stock JWTAuth lets HEAD pass without a token, takes `Basic <jwt>` as well, and knows one shared secret and no `kid`.
"""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.middleware import DefineMiddleware
from litestar.middleware.authentication import AuthenticationResult
from litestar.security.jwt import JWTAuth, Token
from litestar.security.jwt.middleware import JWTAuthenticationMiddleware

from backend import errors
from backend.security.tokens import AccessTokens, InvalidToken, Principal


class BearerMiddleware(JWTAuthenticationMiddleware):
    """Answers with a Principal from the claims alone; whether its session still lives, the database says in passing."""

    __slots__ = ("_tokens",)

    def __init__(self, tokens: AccessTokens, **options: Any) -> None:
        super().__init__(**options)
        self._tokens = tokens

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """`Bearer` only, and one header only (RFC 6750, 2.1). Raises NotAuthenticated and InvalidToken (401)."""
        given = [value for name, value in connection.scope["headers"] if name == b"authorization"]
        if not given:
            raise errors.NotAuthenticated
        scheme, _, token = given[0].decode("latin-1").partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer":
            raise errors.InvalidToken
        return await self.authenticate_token(token, connection)

    async def authenticate_token(
        self, encoded_token: str, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        """Verified with our key ring instead of one secret. Raises InvalidToken (401)."""
        try:
            principal = self._tokens.verify(encoded_token)
        except InvalidToken:
            raise errors.InvalidToken from None
        return AuthenticationResult(user=principal, auth=encoded_token)


class BearerAuth(JWTAuth[Principal, Token]):
    """Every route wants a token, except those whose handler says `exclude_from_auth=True`."""

    def __init__(self, tokens: AccessTokens) -> None:
        super().__init__(
            token_secret="",
            retrieve_user_handler=_never,
            algorithm="EdDSA",
            exclude_http_methods=["OPTIONS"],
            authentication_middleware_class=BearerMiddleware,
            openapi_security_scheme_name="bearer",
            description="The `access_token` of `POST /v1/login`, as `Authorization: Bearer ...`.",
        )
        self._tokens = tokens

    @property
    def middleware(self) -> DefineMiddleware:
        """The stock definition, with the ring added."""
        stock = super().middleware
        return DefineMiddleware(stock.middleware, tokens=self._tokens, **stock.kwargs)


async def _never(token: Any, connection: Any) -> None:
    """No account is fetched: a Principal comes from the claims."""
