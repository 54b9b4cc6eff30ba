"""The public keys."""

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from backend.security.tokens import AccessTokens


class WellKnownController(Controller):
    path = "/.well-known"
    tags = ["Service"]

    @get("/jwks.json", exclude_from_auth=True)
    async def jwks(self, access: NamedDependency[AccessTokens]) -> Response[bytes]:
        """Read the public keys that verify access tokens (RFC 7517)."""
        return Response(access.jwks(), headers={"Cache-Control": "public, max-age=300"})
