"""The public keys."""

from typing import Literal

from litestar import Controller
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from backend.answers import Answer
from backend.handlers import get
from backend.security.tokens import AccessTokens


class Key(Struct, frozen=True):
    """An Ed25519 public key (RFC 8037); `kid` is its thumbprint (RFC 7638)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class KeySet(Struct, frozen=True):
    """The key that signs comes first."""

    keys: list[Key]


class WellKnownController(Controller):
    path = "/.well-known"
    tags = ["Service"]

    @get("/jwks.json", exclude_from_auth=True, responses={200: ResponseSpec(KeySet)})
    async def jwks(self, access: NamedDependency[AccessTokens]) -> Answer[bytes]:
        """Read the public keys that verify access tokens (RFC 7517)."""
        return Answer(access.jwks(), headers={"Cache-Control": "public, max-age=300"})
