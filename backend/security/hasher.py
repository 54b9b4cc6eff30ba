"""The process that hashes passwords: a program that reads jobs and writes what became of them, one a line, in JSON.

It lives as long as somebody may write to its standard input. `backend.security.hashing` starts it, and says why.
"""

import os
import re
import signal
import sys
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from secrets import token_bytes
from threading import Lock
from typing import Final

import bcrypt
from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError, VerifyMismatchError
from msgspec import json

from backend.security.jobs import Costs, Done, Job
from backend.security.scheduling import yield_to_everybody

_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_BCRYPT_MAX_BYTES: Final = 72
# Costs above 16 would hold a hash thread for many seconds, so they count as unusable.
_BCRYPT: Final = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-6])\$[./0-9A-Za-z]{53}")
# A whole group gets these, at Ctrl-C or `systemctl stop`, while log-ins may still be answered.
_GROUP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Hasher:
    """Argon2id for new hashes, bcrypt only recognised. A verification is one run, whatever it is given."""

    def __init__(self, costs: Costs) -> None:
        self._hasher = PasswordHasher(
            time_cost=costs.time,
            memory_cost=costs.memory_kib,
            parallelism=costs.parallelism,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
            type=Type.ID,
        )
        self._decoy = _decoy(self._hasher)

    def done(self, job: Job) -> Done:
        """Raises nothing: what goes wrong is said in `failed`."""
        try:
            return self._verified(job) if job.compare else Done(job.number, 1, self._hasher.hash(job.secret))
        except Exception as error:
            return Done(job.number, failed=repr(error))

    def _verified(self, job: Job) -> Done:
        unusable, compared = False, None
        try:
            compared = self._compared(job)
        except (VerificationError, ValueError):
            unusable = True
        if compared is None:
            self._matches_argon2(job.secret, self._decoy)
        return compared or Done(job.number, 1, unusable=unusable)

    def _compared(self, job: Job) -> Done | None:
        """None when nothing was computed. Raises VerificationError or ValueError for an unusable hash."""
        if job.stored is None:
            return None
        if not _BCRYPT.fullmatch(job.stored):
            ok = self._matches_argon2(job.secret, job.stored)
            return Done(job.number, 1, ok=ok, outdated=ok and self._hasher.check_needs_rehash(job.stored))
        if len(job.secret) > _BCRYPT_MAX_BYTES:
            return None
        ok = bcrypt.checkpw(job.secret, job.stored.encode())
        return Done(job.number, 1, ok=ok, outdated=ok)

    def _matches_argon2(self, secret: bytes, encoded: str) -> bool:
        try:
            return self._hasher.verify(encoded, secret)
        except VerifyMismatchError:
            return False


def _decoy(hasher: PasswordHasher) -> str:
    """A hash with the current parameters that no password has: work like any other, with nothing to find."""
    salt, digest = (b64encode(token_bytes(n)).decode().rstrip("=") for n in (_SALT_BYTES, _HASH_BYTES))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def main() -> None:
    """Answers each job in its turn, until standard input ends; what is then under way nobody waits for."""
    for number in _GROUP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    yield_to_everybody()  # Before there are threads: they take after this one.
    costs = json.decode(sys.argv[1], type=Costs)
    hasher, decode, writing = Hasher(costs), json.Decoder(Job).decode, Lock()

    def answer(line: bytes) -> None:
        done = json.encode(hasher.done(decode(line))) + b"\n"
        with writing:
            os.write(sys.stdout.fileno(), done)

    threads = ThreadPoolExecutor(costs.threads, "password-hash")
    for line in sys.stdin.buffer:
        threads.submit(answer, line)
    os._exit(0)


if __name__ == "__main__":
    main()
