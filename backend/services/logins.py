"""Log-in and refresh: what is decided between asking the gate and answering."""

from contextlib import suppress

from backend.contracts.login import Login, Tokens
from backend.errors import InvalidCredentials, InvalidRefreshToken, TooManyAttempts
from backend.security.fingerprints import Fingerprints
from backend.security.passwords import HashPoolFull, Passwords, digest_of
from backend.security.tokens import AccessTokens, InvalidToken, RefreshClaim, RefreshTokens
from backend.services.origins import Origin
from backend.settings import Settings
from queries import logins
from queries._fetch import Conn


class Logins:
    """Nothing is held between its round trips: no connection while a password is hashed."""

    def __init__(self, settings: Settings, passwords: Passwords, access: AccessTokens) -> None:
        self._settings = settings
        self._passwords = passwords
        self._access = access
        self._refresh = RefreshTokens(settings)
        self._fingerprints = Fingerprints(settings)

    async def login(self, conn: Conn, data: Login, origin: Origin) -> Tokens:
        """Two round trips; a third when the stored hash is weaker than today's.

        Raises HashPoolFull and TooManyAttempts before anything is hashed, and InvalidCredentials, after one hash, for
        an account that is unknown, disabled or has another password (ASVS 6.3.8).
        """
        self._passwords.refuse_when_full()
        email = data.email.lower()
        limited = self._settings.rate_limits
        attempt = await logins.begin_login(conn, email=email, network=origin.network, limited=limited)
        if attempt.retry_after:
            raise TooManyAttempts(retry_after=attempt.retry_after)
        verdict = await self._passwords.verify(data.password, attempt.password_hash)
        if not verdict.ok or attempt.user_id is None or attempt.password_hash is None:
            await logins.fail_login(conn, email=email, address=origin.address)
            raise InvalidCredentials
        seen_digest = digest_of(attempt.password_hash)
        if verdict.outdated:
            with suppress(HashPoolFull):  # The password was right; the hash can be upgraded the next time.
                new_hash = await self._passwords.hash(data.password)
                await logins.upgrade_hash(conn, user_id=attempt.user_id, seen_digest=seen_digest, new_hash=new_hash)
                seen_digest = digest_of(new_hash)
        opened = await logins.finish_login(
            conn,
            user_id=attempt.user_id,
            seen_digest=seen_digest,
            device_name=data.device_name,
            user_agent=origin.user_agent or None,
            address=origin.address,
            network=origin.network,
            fingerprints=self._fingerprints.candidates(origin.user_agent, data.device_name or ""),
            idle_seconds=self._settings.refresh_token_seconds,
            max_seconds=self._settings.session_max_seconds,
        )
        if opened is None:
            raise InvalidCredentials
        access = self._access.issue(opened.user_id, opened.session_id, opened.is_admin)
        return self._tokens(access, RefreshClaim(opened.session_id, opened.generation))

    async def refresh(self, conn: Conn, refresh_token: str, origin: Origin) -> Tokens:
        """One round trip; a second for a genuine token that is refused, which ends its session if it is a replay.

        Raises InvalidRefreshToken, and TooManyAttempts for forged tokens alone.
        """
        try:
            claim = self._refresh.read(refresh_token)
        except InvalidToken:
            raise await self._forged(conn, origin) from None
        grace = self._settings.refresh_grace_seconds
        rotation = await logins.rotate(
            conn,
            session_id=claim.session_id,
            generation=claim.generation,
            grace_seconds=grace,
            idle_seconds=self._settings.refresh_token_seconds,
        )
        if rotation is None:
            await logins.end_replayed(
                conn,
                session_id=claim.session_id,
                generation=claim.generation,
                address=origin.address,
                grace_seconds=grace,
            )
            raise InvalidRefreshToken
        access = self._access.issue(rotation.user_id, claim.session_id, rotation.is_admin)
        return self._tokens(access, RefreshClaim(claim.session_id, rotation.generation))

    async def _forged(self, conn: Conn, origin: Origin) -> InvalidRefreshToken | TooManyAttempts:
        wait = await logins.count_forged(conn, origin.network) if self._settings.rate_limits else 0
        return TooManyAttempts(retry_after=wait) if wait else InvalidRefreshToken()

    def _tokens(self, access_token: str, claim: RefreshClaim) -> Tokens:
        return Tokens(
            access_token=access_token,
            token_type="Bearer",  # noqa: S106 - the type of the token, RFC 6750.
            expires_in=self._settings.access_token_seconds,
            refresh_token=self._refresh.issue(claim.session_id, claim.generation),
        )
