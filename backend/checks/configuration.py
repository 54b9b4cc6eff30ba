"""Values that are each as they may be, and do not go together: with each other, PostgreSQL, or the machine.

What makes no sense anywhere is refused at every start (`backend.configuration.rules`); what is here runs, until it is
loaded, or stopped.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct

from backend.checks.database import Database
from backend.checks.findings import Finding
from backend.configuration.cpus import available_cpus
from backend.configuration.memory import available_memory
from backend.settings import Settings

_MIB: Final = 2**20
# A worker and the process that hashes for it, the fork server's share in them included, without what the hashes
# themselves take (docs/performance.md: 106 MiB with one, which takes 19).
_WORKER_BYTES: Final = 90 * _MIB

_LIMITS: Final = """
SELECT current_setting('max_connections')::integer
           - current_setting('superuser_reserved_connections')::integer
           - current_setting('reserved_connections')::integer,
       (SELECT rolconnlimit FROM pg_roles WHERE rolname = %s),
       (SELECT datconnlimit FROM pg_database WHERE datname = current_database())
"""


class Conflict(NamedTuple):
    """The variables that are at odds, first the one to mend, and how."""

    code: str
    variables: tuple[str, ...]
    sentence: str


class Machine(Struct, frozen=True):
    """What there is of it: CPUs, and bytes of memory if there is a limit."""

    cpus: int
    memory: int | None

    @classmethod
    def here(cls) -> "Machine":
        return cls(available_cpus(), available_memory())


class Given:
    """Where a variable got its value: the process comes before `.env`, which only development reads."""

    def __init__(self, settings: Settings, env: Mapping[str, str], file: Path) -> None:
        self._env, self._file = env, file
        readable = not settings.production and file.is_file()
        self._lines = file.read_text(errors="replace").splitlines() if readable else []

    def __contains__(self, variable: str) -> bool:
        return bool(self._env.get(variable, "").strip() or self._line(variable))

    def place(self, variables: tuple[str, ...]) -> tuple[str, int]:
        """That of the first of these that stands in `.env`."""
        for variable in variables:
            if not self._env.get(variable, "").strip() and (line := self._line(variable)):
                return self._file.name, line
        return "environment", 0

    def _line(self, variable: str) -> int:
        """0: in none. Of several the last one counts."""
        written = re.compile(rf"\s*(?:export\s+)?{variable}\s*=\s*\S")
        return max((number for number, line in enumerate(self._lines, 1) if written.match(line)), default=0)


def check(
    settings: Settings,
    database: Database,
    *,
    replicas: int = 1,
    machine: Machine | None = None,
    env: Mapping[str, str] = os.environ,
    file: Path = Path(".env"),
) -> Iterator[Finding]:
    """The conflicts, each where the first of its variables was given."""
    given = Given(settings, env, file)
    for one in _conflicts(settings, database, given, replicas, machine or Machine.here()):
        yield Finding(*given.place(one.variables), one.code, one.sentence, one.variables[0])


def _conflicts(
    settings: Settings, database: Database, given: Given, replicas: int, machine: Machine
) -> Iterator[Conflict]:
    # In development there are by default as many workers as the machine at hand has CPUs, and one who tries things.
    if settings.production or replicas > 1 or "WORKERS" in given or "POOL_MAX_SIZE" in given:
        yield from _connections(settings, database, replicas)
    yield from _machine(settings, machine)
    yield from _lifetimes(settings)
    yield from _waits(settings)
    # By default a body may take longer to come than a stop waits for, and is cut off: what a client sends so slowly, or
    # not at all, is not worth a longer stop. Whoever chooses one of the two has to choose the other with it.
    if "REQUEST_TIMEOUT" in given or "SHUTDOWN_TIMEOUT" in given:
        yield from _stop(settings)


def _connections(settings: Settings, database: Database, replicas: int) -> Iterator[Conflict]:
    """Each worker has its pool and a connection of its own for readiness."""
    if settings.database_pooler != "off":  # How many connections PgBouncer makes of ours only PgBouncer knows.
        return
    wanted = replicas * settings.workers * (settings.pool_max_size + 1)
    with database.acting("runtime") as connection:
        login = connection.info.user
    ((server, role, here),) = database.rows(_LIMITS, login)
    for limit, whose in ((server, "PostgreSQL has"), (role, f"{login} may have"), (here, "the database takes")):
        if 0 <= limit < wanted:
            factors = f"{replicas} replicas x WORKERS {settings.workers} x (POOL_MAX_SIZE {settings.pool_max_size} + 1)"
            sentence = f"{factors} are {wanted} connections, and {whose} {limit}"
            yield Conflict("connections", ("POOL_MAX_SIZE", "WORKERS"), sentence)


def _machine(settings: Settings, machine: Machine) -> Iterator[Conflict]:
    workers, hashes = settings.workers, settings.hash_workers
    if workers * hashes > machine.cpus:
        sentence = f"WORKERS {workers} x HASH_WORKERS {hashes} hash at once, on {machine.cpus} CPUs"
        yield Conflict("cpus", ("HASH_WORKERS", "WORKERS"), sentence)
    wanted = workers * (_WORKER_BYTES + hashes * settings.argon2_memory_kib * 1024)
    if machine.memory is not None and wanted > machine.memory:
        each = f"({_WORKER_BYTES // _MIB} MiB + HASH_WORKERS {hashes} x ARGON2_MEMORY_KIB {settings.argon2_memory_kib})"
        limit = f"the cgroup allows {machine.memory // _MIB} MiB"
        sentence = f"WORKERS {workers} x {each} are {wanted // _MIB} MiB, and {limit}"
        yield Conflict("memory", ("HASH_WORKERS", "ARGON2_MEMORY_KIB", "WORKERS"), sentence)


def _lifetimes(settings: Settings) -> Iterator[Conflict]:
    access, refresh = settings.access_token_seconds, settings.refresh_token_seconds
    session, grace = settings.session_max_seconds, settings.refresh_grace_seconds
    if access >= refresh:
        sentence = f"REFRESH_TOKEN_SECONDS {refresh} is over before the access token, ACCESS_TOKEN_SECONDS {access}"
        yield Conflict("lifetimes", ("REFRESH_TOKEN_SECONDS", "ACCESS_TOKEN_SECONDS"), sentence)
    if refresh > session:
        sentence = f"REFRESH_TOKEN_SECONDS {refresh} is never reached: a session ends at SESSION_MAX_SECONDS {session}"
        yield Conflict("lifetimes", ("REFRESH_TOKEN_SECONDS", "SESSION_MAX_SECONDS"), sentence)
    if grace >= access:
        sentence = (
            f"REFRESH_GRACE_SECONDS {grace} keeps an old token as long as ACCESS_TOKEN_SECONDS {access} a new one"
        )
        yield Conflict("lifetimes", ("REFRESH_GRACE_SECONDS", "ACCESS_TOKEN_SECONDS"), sentence)
    if settings.idempotency_seconds <= settings.request_timeout:
        sentence = (
            f"IDEMPOTENCY_SECONDS {settings.idempotency_seconds} may be over when a client that waited for "
            f"REQUEST_TIMEOUT {settings.request_timeout:g} sends its request again"
        )
        yield Conflict("lifetimes", ("IDEMPOTENCY_SECONDS", "REQUEST_TIMEOUT"), sentence)


def _waits(settings: Settings) -> Iterator[Conflict]:
    """A statement has to be given up by PostgreSQL before its request is, or before the worker ends."""
    longest = settings.pool_timeout + settings.statement_timeout
    parts = f"POOL_TIMEOUT {settings.pool_timeout:g} + STATEMENT_TIMEOUT {settings.statement_timeout:g}"
    if longest > settings.request_timeout:
        sentence = f"{parts} is longer than REQUEST_TIMEOUT {settings.request_timeout:g}, which ends a request before"
        yield Conflict("timeouts", ("STATEMENT_TIMEOUT", "POOL_TIMEOUT", "REQUEST_TIMEOUT"), sentence)
    # Until the end of DRAIN_SECONDS requests still come, and the last of them has no more than what follows.
    if longest > settings.shutdown_timeout:
        sentence = f"{parts} is longer than SHUTDOWN_TIMEOUT {settings.shutdown_timeout:g}, which cuts requests off"
        yield Conflict("timeouts", ("SHUTDOWN_TIMEOUT", "STATEMENT_TIMEOUT", "POOL_TIMEOUT"), sentence)


def _stop(settings: Settings) -> Iterator[Conflict]:
    """Who was there before the stop began has its deadline within it, and is answered or refused, never cut off."""
    if settings.drain_seconds + settings.shutdown_timeout < settings.request_timeout:
        parts = f"DRAIN_SECONDS {settings.drain_seconds:g} + SHUTDOWN_TIMEOUT {settings.shutdown_timeout:g}"
        sentence = f"{parts} is shorter than REQUEST_TIMEOUT {settings.request_timeout:g}: a stop cuts requests off"
        yield Conflict("timeouts", ("SHUTDOWN_TIMEOUT", "REQUEST_TIMEOUT", "DRAIN_SECONDS"), sentence)
