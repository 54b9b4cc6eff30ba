"""Passwords at rest: Argon2id for new ones, bcrypt only recognised, equal work whatever account is named.

Passwords are hashed exactly as received (ASVS 5.0, 6.2.8): whole, case kept, without Unicode normalisation,
so a client that sends another form of the same letters sends another password.
"""

import re
from base64 import b64encode
from hashlib import sha256
from secrets import token_bytes
from threading import Lock
from typing import Final

import bcrypt
import structlog
from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError, VerifyMismatchError
from msgspec import Struct

from backend.admission import SteppingOut
from backend.security.blocklist import MAX_BYTES, password_bytes, refuse_weak
from backend.security.hashing import HashPool, HashPoolFull
from backend.security.scheduling import yield_to_everybody
from backend.settings import Settings

__all__ = ["HashPoolFull", "Passwords", "Verdict", "digest_of", "refuse_weak"]

_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_BCRYPT_MAX_BYTES: Final = 72
# Costs above 16 would hold a hash thread for many seconds, so they count as unusable.
_BCRYPT: Final = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-6])\$[./0-9A-Za-z]{53}")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def digest_of(stored: str | None) -> str:
    """What the database is given back of a hash that it handed out, SHA-256 in hex: values can end up in its log."""
    return sha256((stored or "").encode()).hexdigest()


class Verdict(Struct, frozen=True):
    """`outdated`: right, and to be hashed again with today's parameters while the password is at hand."""

    ok: bool
    outdated: bool


_REFUSED: Final = Verdict(ok=False, outdated=False)


class Passwords:
    """Hashes and verifies in threads of its own; `hashes_executed` counts every full-cost run, of bcrypt too.

    A verification is one run, also when there is nothing to compare with: no account, no password, a hash
    that cannot be used, bcrypt given more than the 72 bytes it reads (ASVS 6.3.8). A password of more than
    1,024 bytes costs none, whatever the account. Until the next log-in renews it, an older Argon2 hash takes
    the time of its own parameters, and a bcrypt hash that of its cost.
    """

    def __init__(self, settings: Settings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallelism,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
            type=Type.ID,
        )
        self._decoy = _decoy(self._hasher)
        self._pool = HashPool(settings.hash_workers, settings.hash_queue, yield_to_everybody)
        self._counting = Lock()
        self.hashes_executed = 0

    def refuse_when_full(self) -> None:
        """Raises HashPoolFull. Asked before an attempt is counted, so that overload is nobody's failure to log in."""
        self._pool.refuse_when_full()

    def is_full(self) -> bool:
        """Whether a hash would be refused now."""
        return self._pool.is_full()

    async def hash(self, password: str) -> str:
        """The PHC string to store. Raises HashPoolFull, and ValueError above 1,024 bytes of UTF-8."""
        secret = password_bytes(password)
        if len(secret) > MAX_BYTES:
            raise ValueError(f"refuse_weak lets no password of more than {MAX_BYTES} bytes come here")
        with SteppingOut():
            return await self._pool.run(self._hash, secret)

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Compares with the stored PHC string or bcrypt hash; None stands for no account or no password.

        A stored hash that cannot be used is never right; it is logged, not shown. Raises HashPoolFull.
        """
        secret = password_bytes(password)
        if len(secret) > MAX_BYTES:
            return _REFUSED
        with SteppingOut():
            return await self._pool.run(self._verify, secret, stored)

    def close(self) -> None:
        """Ends the threads, after the hashes they are in."""
        self._pool.close()

    def _hash(self, secret: bytes) -> str:
        encoded = self._hasher.hash(secret)
        self._count()
        return encoded

    def _verify(self, secret: bytes, stored: str | None) -> Verdict:
        try:
            verdict = self._compare(secret, stored)
        except (VerificationError, ValueError):
            _log.warning("password_hash_unusable")
            verdict = None
        if verdict is None:
            self._matches_argon2(secret, self._decoy)
        return verdict or _REFUSED

    def _compare(self, secret: bytes, stored: str | None) -> Verdict | None:
        """None when nothing was computed. Raises VerificationError or ValueError for an unusable hash."""
        if stored is None:
            return None
        if not _BCRYPT.fullmatch(stored):
            ok = self._matches_argon2(secret, stored)
            return Verdict(ok=ok, outdated=ok and self._hasher.check_needs_rehash(stored))
        if len(secret) > _BCRYPT_MAX_BYTES:
            return None
        ok = bcrypt.checkpw(secret, stored.encode())
        self._count()
        return Verdict(ok=ok, outdated=ok)

    def _matches_argon2(self, secret: bytes, encoded: str) -> bool:
        ok = True
        try:
            self._hasher.verify(encoded, secret)
        except VerifyMismatchError:
            ok = False
        self._count()
        return ok

    def _count(self) -> None:
        with self._counting:
            self.hashes_executed += 1


def _decoy(hasher: PasswordHasher) -> str:
    """A hash with the current parameters that no password has: work like any other, with nothing to find."""
    salt, digest = (b64encode(token_bytes(n)).decode().rstrip("=") for n in (_SALT_BYTES, _HASH_BYTES))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"
