"""Access tokens, which any replica verifies on its own, and refresh tokens, which point to a session."""

import base64
import hmac
import re
import secrets
import struct
from collections import OrderedDict
from collections.abc import Iterable
from time import time
from typing import Final, Literal
from uuid import UUID

import msgspec
from jwt import PyJWS, PyJWTError
from msgspec import UNSET, Struct, UnsetType

from backend.security.keyring import ALGORITHM, KeyRing
from backend.security.secret_keys import derived_key
from backend.settings import Settings

TOKEN_TYPE: Final = "at+jwt"  # The media type of RFC 9068, no secret.
MAX_TOKEN_LENGTH: Final = 4096
REMEMBERED_TOKENS: Final = 32_768
CLOCK_SKEW_SECONDS: Final = 30
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
_REFRESH_PREFIX: Final = "lsr1_"
_REFRESH_BODY: Final = struct.Struct(">16sq")  # The session's UUID, and a generation as PostgreSQL's bigint.
_REFRESH_TOKEN: Final = re.compile(_REFRESH_PREFIX + r"[A-Za-z0-9_-]{75}")  # 24 bytes and a MAC of 32.


class InvalidToken(Exception):
    """The token is not one of ours, or no longer. It never says why: the caller learns 401, no more."""


class Principal(Struct, frozen=True):
    """Who calls, from the claims alone; `admin` is a hint, the database decides. Epoch seconds."""

    user_id: UUID
    session_id: UUID
    admin: bool
    expires_at: int


class RefreshClaim(Struct, frozen=True):
    """What a refresh token says: which rotation of which session it belongs to."""

    session_id: UUID
    generation: int


class _Header(Struct, forbid_unknown_fields=True):
    """Every member we issue and no other: `jku`, `x5u`, `x5c`, `jwk`, `crit`, `b64` are refused unread."""

    alg: Literal["EdDSA"]
    kid: str
    typ: str


class _Claims(Struct):
    iss: str
    aud: str
    sub: UUID
    sid: UUID
    jti: str
    iat: int
    exp: int
    adm: bool
    nbf: int | UnsetType = UNSET


class AccessTokens:
    """Signs access tokens (RFC 9068, EdDSA) and verifies them, each one only once.

    A verified token is remembered until it expires: under the same ring the signature of the same string
    stays valid, so a hit costs a look-up and a comparison. About 1 kB for each of REMEMBERED_TOKENS.
    """

    def __init__(self, settings: Settings) -> None:
        self._issuer: Final = settings.jwt_issuer
        self._audience: Final = settings.jwt_audience
        self._lifetime: Final = settings.access_token_seconds
        self._jws: Final = PyJWS(algorithms=[ALGORITHM])
        self._verified: Final = OrderedDict[str, Principal]()
        self.rotate(settings.jwt_signing_key, settings.jwt_verification_keys)

    def rotate(self, signing_pem: str, verification_pems: Iterable[str]) -> None:
        """Other keys from now on, and nothing remembered. ValueError, and no change, for a malformed one."""
        self._ring = KeyRing(signing_pem, verification_pems)
        self._verified.clear()

    def issue(self, user_id: UUID, session_id: UUID, admin: bool) -> str:
        """A token for one session, which expires after ACCESS_TOKEN_SECONDS."""
        now = int(time())
        claims = _Claims(
            iss=self._issuer,
            aud=self._audience,
            sub=user_id,
            sid=session_id,
            jti=secrets.token_urlsafe(16),
            iat=now,
            exp=now + self._lifetime,
            adm=admin,
        )
        headers = {"typ": TOKEN_TYPE, "kid": self._ring.kid}
        return self._jws.encode(msgspec.json.encode(claims), self._ring.signing, ALGORITHM, headers)

    def verify(self, token: str) -> Principal:
        """Whom the token stands for. Raises InvalidToken, and nothing else, whatever the string holds."""
        principal = self._verified.get(token)
        if principal is None:
            principal = self._verify_anew(token)
            self._remember(token, principal)
        elif principal.expires_at <= time():
            self._verified.pop(token, None)
            raise InvalidToken
        return principal

    def jwks(self) -> bytes:
        """The public keys as the JSON of a JWK set."""
        return msgspec.json.encode(self._ring.jwks())

    def _remember(self, token: str, principal: Principal) -> None:
        if len(self._verified) >= REMEMBERED_TOKENS:
            # The oldest is the likeliest to have expired; popping the front of a plain dict would be linear.
            self._verified.popitem(last=False)
        self._verified[token] = principal

    def _verify_anew(self, token: str) -> Principal:
        if len(token) > MAX_TOKEN_LENGTH or not _COMPACT.fullmatch(token):
            raise InvalidToken
        try:
            header = msgspec.json.decode(_decoded(token[: token.index(".")]), type=_Header)
            # The header chooses among our keys and nothing else: EdDSA is the one algorithm each of them has.
            payload = self._jws.decode(token, self._ring.public[header.kid], [ALGORITHM])
            claims = msgspec.json.decode(payload, type=_Claims)
        except (PyJWTError, msgspec.DecodeError, KeyError, ValueError, RecursionError):
            raise InvalidToken from None
        # The media type with or without `application/` (RFC 9068, section 4), in any case (RFC 7515, 4.1.9).
        if header.typ.lower().removeprefix("application/") != TOKEN_TYPE or not self._acceptable(claims):
            raise InvalidToken
        return Principal(claims.sub, claims.sid, claims.adm, claims.exp)

    def _acceptable(self, claims: _Claims) -> bool:
        now = time()
        return (
            claims.iss == self._issuer
            and claims.aud == self._audience
            and claims.jti != ""
            and claims.iat <= now + CLOCK_SKEW_SECONDS
            and claims.iat < claims.exp <= claims.iat + self._lifetime
            and now < claims.exp
            and (claims.nbf is UNSET or claims.nbf <= now)
        )


class RefreshTokens:
    """`(session, generation, MAC)`: only the generation is stored, so a dump of the database is of no use.

    The key is derived from SECRET_KEY; what SECRET_KEY_PREVIOUS signed is read still, and never signed anew.
    """

    def __init__(self, settings: Settings) -> None:
        secret_keys = [settings.secret_key, settings.secret_key_previous]
        self._keys: Final = [derived_key(key, "refresh-token") for key in secret_keys if key]

    def issue(self, session_id: UUID, generation: int) -> str:
        """The token of one rotation of a session."""
        body = _REFRESH_BODY.pack(session_id.bytes, generation)
        return _spelled(body + _mac(self._keys[0], body))

    def read(self, token: str) -> RefreshClaim:
        """What the token says, once its MAC has been found right. Raises InvalidToken for everything else."""
        if not _REFRESH_TOKEN.fullmatch(token):
            raise InvalidToken
        raw = _decoded(token.removeprefix(_REFRESH_PREFIX))
        body, mac = raw[: _REFRESH_BODY.size], raw[_REFRESH_BODY.size :]
        # A token has one spelling: the last character has bits to spare, so the string is made once more.
        if _spelled(raw) != token or not any(hmac.compare_digest(mac, _mac(key, body)) for key in self._keys):
            raise InvalidToken
        session, generation = _REFRESH_BODY.unpack(body)
        return RefreshClaim(UUID(bytes=session), generation)


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, _REFRESH_PREFIX.encode() + body, "sha256")


def _spelled(raw: bytes) -> str:
    return _REFRESH_PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
