"""Passwords at rest: Argon2id for new ones, bcrypt only recognised, equal work whatever account is named.

Passwords are hashed exactly as received (ASVS 5.0, 6.2.8): whole, case kept, without Unicode normalisation,
so a client that sends another form of the same letters sends another password.
"""

from hashlib import sha256
from typing import Final

import structlog
from msgspec import Struct

from backend.admission import SteppingOut
from backend.security.blocklist import MAX_BYTES, password_bytes, refuse_weak
from backend.security.hashing import HashPool, HashPoolFull
from backend.security.jobs import Costs, Done
from backend.settings import Settings

__all__ = ["HashPoolFull", "Passwords", "Verdict", "digest_of", "refuse_weak"]

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
    """Hashes and verifies in a process of its own; `hashes_executed` counts every full-cost run, of bcrypt too.

    A verification is one run, also when there is nothing to compare with: no account, no password, a hash
    that cannot be used, bcrypt given more than the 72 bytes it reads (ASVS 6.3.8). A password of more than
    1,024 bytes costs none, whatever the account. Until the next log-in renews it, an older Argon2 hash takes
    the time of its own parameters, and a bcrypt hash that of its cost.
    """

    def __init__(self, settings: Settings) -> None:
        costs = Costs(
            settings.argon2_time_cost,
            settings.argon2_memory_kib,
            settings.argon2_parallelism,
            settings.hash_workers,
        )
        self._pool = HashPool(costs, settings.hash_queue)
        self.hashes_executed = 0

    def refuse_when_full(self) -> None:
        """Raises HashPoolFull. Asked before an attempt is counted, so that overload is nobody's failure to log in."""
        if self._pool.is_full():
            raise HashPoolFull

    def is_full(self) -> bool:
        """Whether a hash would be refused now."""
        return self._pool.is_full()

    async def hash(self, password: str) -> str:
        """The PHC string to store. Raises HashPoolFull, and ValueError above 1,024 bytes of UTF-8."""
        secret = password_bytes(password)
        if len(secret) > MAX_BYTES:
            raise ValueError(f"refuse_weak lets no password of more than {MAX_BYTES} bytes come here")
        return (await self._run(secret)).encoded

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Compares with the stored PHC string or bcrypt hash; None stands for no account or no password.

        A stored hash that cannot be used is never right; it is logged, not shown. Raises HashPoolFull.
        """
        secret = password_bytes(password)
        if len(secret) > MAX_BYTES:
            return _REFUSED
        done = await self._run(secret, compare=True, stored=stored)
        if done.unusable:
            _log.warning("password_hash_unusable")
        return Verdict(done.ok, done.outdated)

    async def close(self) -> None:
        """Ends the process, with the hashes it is in."""
        await self._pool.close()

    async def _run(self, secret: bytes, *, compare: bool = False, stored: str | None = None) -> Done:
        with SteppingOut():
            done = await self._pool.run(secret, compare=compare, stored=stored)
        self.hashes_executed += done.runs
        return done
