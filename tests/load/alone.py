"""What Argon2 does when nothing is around it: neither a server nor a database."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher, Type
from msgspec import Struct

from backend.settings import Settings

_SECONDS: Final = 1.5
_PASSWORD: Final = b"a password that is as good as any"


class Alone(Struct, frozen=True):
    """`cpu_seconds` of one hash while `threads` of them run at once, which is slower than one by itself, for they share
    caches and memory; `cpu_seconds_single` is that of one by itself."""

    threads: int
    hashes_per_second: float
    cpu_seconds: float
    cpu_seconds_single: float


def argon2_alone() -> Alone:
    """Measured in this process, with the threads and the parameters that a worker of the server has."""
    settings = Settings.read({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/never_asked", "WORKERS": "1"})
    hasher = PasswordHasher(
        settings.argon2_time_cost, settings.argon2_memory_kib, settings.argon2_parallelism, type=Type.ID
    )
    _, single = _measure(hasher, 1)
    rate, together = _measure(hasher, settings.hash_workers)
    return Alone(settings.hash_workers, rate, together, single)


def _measure(hasher: PasswordHasher, threads: int) -> tuple[float, float]:
    """Hashes a second, and CPU seconds of each."""
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(_hash_for_a_while, [hasher] * threads))
    hashes = sum(number for number, _ in found)
    return hashes / _SECONDS, sum(seconds for _, seconds in found) / hashes


def _hash_for_a_while(hasher: PasswordHasher) -> tuple[int, float]:
    end, began, hashes = time.monotonic() + _SECONDS, time.thread_time(), 0
    while time.monotonic() < end:
        hasher.hash(_PASSWORD)
        hashes += 1
    return hashes, time.thread_time() - began
