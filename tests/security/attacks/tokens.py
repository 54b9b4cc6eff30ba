"""Whatever else is a token, or looks like one, and opens nothing."""

from base64 import b64encode
from collections.abc import Callable
from time import time
from typing import Any, Final
from uuid import uuid4

import jwt
from litestar import Litestar

from backend.security.keyring import new_signing_key
from backend.security.tokens import AccessTokens
from backend.settings import Settings
from tests.people import Person

EXPIRED: Final = "an expired token"
OTHER_PURPOSE: Final = "a token for another purpose"
REFRESH: Final = "a refresh token"


class Forge:
    """Makes what is nearly the access token of a person, in the header Authorization."""

    def __init__(self, app: Litestar, settings: Settings, person: Person) -> None:
        self._settings, self.person = settings, person
        self.access = person.tokens["access_token"]
        self.principal = app.state.access.verify(self.access)
        self.now = int(time())
        self.kid = jwt.get_unverified_header(self.access)["kid"]
        self.claims = {
            "iss": settings.jwt_issuer,
            "aud": settings.jwt_audience,
            "sub": str(self.principal.user_id),
            "sid": str(self.principal.session_id),
            "jti": uuid4().hex,
            "iat": self.now,
            "exp": self.now + 60,
            "adm": False,
        }
        # What is changed below is what keeps a token from opening anything: as it is here, one does.
        assert app.state.access.verify(self.signed().removeprefix("Bearer ")).user_id == self.principal.user_id

    def signed(self, key: str | None = None, typ: str = "at+jwt", **changed: Any) -> str:
        """With our key or another; a claim of None is left out."""
        claims = {name: value for name, value in (self.claims | changed).items() if value is not None}
        return self._token(claims, key or self._settings.jwt_signing_key, "EdDSA", typ)

    def with_shared_secret(self) -> str:
        """The public key, which everybody has, taken for a secret."""
        public = b"".join(self._settings.jwt_signing_key.encode().split())
        return self._token(self.claims, public, "HS256")

    def unsigned(self) -> str:
        return self._token(self.claims, "", "none")

    def of_another_service(self) -> str:
        """Whole, and an administrator's, but of a key that is not ours."""
        foreign = AccessTokens(self._settings)
        foreign.rotate(new_signing_key(), ())
        return f"Bearer {foreign.issue(self.principal.user_id, self.principal.session_id, True)}"

    def _token(self, claims: dict[str, Any], key: str | bytes, algorithm: str, typ: str = "at+jwt") -> str:
        return f"Bearer {jwt.encode(claims, key, algorithm, {'typ': typ, 'kid': self.kid})}"


KINDS: Final[dict[str, Callable[[Forge], str]]] = {
    EXPIRED: lambda forge: forge.signed(iat=forge.now - 700, exp=forge.now - 100),
    OTHER_PURPOSE: lambda forge: forge.signed(typ="mfa+jwt"),
    REFRESH: lambda forge: f"Bearer {forge.person.tokens['refresh_token']}",
    "a token of no type": lambda forge: forge.signed(typ="JWT"),
    "a token for another audience": lambda forge: forge.signed(aud="lodestar-reset"),
    "a token for two audiences": lambda forge: forge.signed(aud=[forge.claims["aud"], "other"]),
    "a token without an audience": lambda forge: forge.signed(aud=None),
    "a token of another issuer": lambda forge: forge.signed(iss="somebody"),
    "a token for a year": lambda forge: forge.signed(exp=forge.now + 365 * 86_400),
    "a token of tomorrow": lambda forge: forge.signed(iat=forge.now + 86_400, exp=forge.now + 86_460),
    "a token without a session": lambda forge: forge.signed(sid=None),
    "a token of another key": Forge.of_another_service,
    "a token of another key under our kid": lambda forge: forge.signed(key=new_signing_key()),
    "a token with a shared secret": Forge.with_shared_secret,
    "a token that nobody signed": Forge.unsigned,
    "the right token by another scheme": lambda forge: f"Basic {forge.access}",
    "a password": lambda forge: f"Basic {b64encode(f'{forge.person.email}:password'.encode()).decode()}",
    "junk": lambda _: "Bearer eyJhbGciOiJub25lIn0.e30.",
    "nothing in the header": lambda _: "Bearer ",
}
