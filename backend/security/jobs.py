"""What a worker and the process that hashes for it say to each other. Importing it costs neither of them much."""

from msgspec import Struct


class Costs(Struct, frozen=True):
    """Of Argon2id (RFC 9106): passes, KiB, lanes; and how many hashes are computed at once."""

    time: int
    memory_kib: int
    parallelism: int
    threads: int


class Job(Struct, frozen=True):
    """To hash a secret, or with `compare` to compare it with what is stored."""

    number: int
    secret: bytes
    compare: bool = False
    stored: str | None = None


class Done(Struct, frozen=True, omit_defaults=True):
    """What became of a job, and how many full-cost runs it took: `encoded` when it was to hash a secret.

    `ok`: it is the password; `outdated`: and was hashed with other parameters than today's; `unusable`: what is
    stored is no hash that could be compared with; `failed`: nothing came of it, for this reason.
    """

    number: int
    runs: int = 0
    encoded: str = ""
    ok: bool = False
    outdated: bool = False
    unusable: bool = False
    failed: str = ""
