"""PostgreSQL for development and tests: one server per DATA_DIR, brought up by the first who needs it.

Whoever uses the server holds a shared lock on `postgres.users`. Locks die with their holders, so a killed
process leaves no trace, and the last one to leave stops the server. Coming and going take turns by
`postgres.lock`. A server that outlived its users is simply taken over by the next one.
"""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import psycopg
from psycopg import sql

from backend.database.binaries import installed_package
from backend.database.cluster import Cluster
from backend.operators import OperatorError
from backend.security.secret_keys import kept

DATABASE: Final = "lodestar"
OWNER: Final = "lodestar_owner"
RUNTIME: Final = "lodestar_app"
_SUPERUSER: Final = "postgres"
_SCRATCH: Final = f"{DATABASE}_scratch"
# Compiling a plan costs more than any statement of a development database runs.
# A statement that fails would otherwise be written to the server's log with the values in it.
_OPTIONS: Final = {"jit": "off", "log_min_error_statement": "fatal"}
_TURN_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02

EXISTS: Final = """
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(owner)s),
       EXISTS (SELECT FROM pg_database WHERE datname = %(database)s)
"""
# The owner is no superuser here either: one would hide every fault in policies and grants.
CREATE_OWNER: Final = "CREATE ROLE {owner} LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS PASSWORD {password}"
CREATE_DATABASE: Final = "CREATE DATABASE {database} OWNER {owner}"


class Embedded:
    """A running server; as a context manager it leaves the server at its end.

    The login of `runtime_url` does not exist before `migrate` has made it.
    """

    def __init__(self, data_dir: Path, cluster: Cluster) -> None:
        self.data_dir = data_dir
        self.cluster = cluster
        self.port = 0
        self._users: int | None = None

    @property
    def superuser_url(self) -> str:
        """The URL of PostgreSQL's superuser, for who makes and drops databases: the tests."""
        return self._url(_SUPERUSER, "postgres")

    @property
    def owner_url(self) -> str:
        """DATABASE_OWNER_URL."""
        return self._url(OWNER, DATABASE)

    @property
    def runtime_url(self) -> str:
        """DATABASE_URL."""
        return self._url(RUNTIME, DATABASE)

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self._password(role)}@127.0.0.1:{self.port}/{database}"

    def _password(self, role: str) -> str:
        return kept(self.data_dir / f"{role}.password", secrets.token_urlsafe(24))

    @classmethod
    def start(
        cls,
        data_dir: Path,
        options: Mapping[str, str] | None = None,
        report: Callable[[str], object] = lambda _: None,
    ) -> Self:
        """Brings up the server of `data_dir`, or joins the one that runs; creates whatever is missing.

        `options` are PostgreSQL's parameters, for a server that this call starts. `report` gets a line for
        each step. Raises OperatorError.
        """
        installed_package()  # Before anything is left behind by a start that cannot succeed.
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            data_dir = data_dir.resolve()
            with _turn(data_dir):
                embedded = cls(data_dir, _cluster(data_dir))
                embedded._join({**_OPTIONS, **(options or {})}, report)
            return embedded
        except OSError as error:
            raise OperatorError(f"DATA_DIR cannot be used: {error}") from error

    def _join(self, options: Mapping[str, str], report: Callable[[str], object]) -> None:
        if not self.cluster.data.exists():
            report(f"Creating a PostgreSQL cluster in {self.cluster.home}")
            self.cluster.create(self._password(_SUPERUSER))
        self._users = os.open(self.data_dir / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._users, fcntl.LOCK_SH)
            # The port of last time if possible, so that a URL somebody noted down stays true.
            noted = self.data_dir / "postgres.port"
            last = noted.read_text().strip() if noted.exists() else ""
            self.port = self.cluster.start(int(last) if last.isdigit() else None, options)
            noted.write_text(f"{self.port}\n")
            self._prepare()
        except BaseException:
            self._leave()
            raise
        report(f"PostgreSQL is running on 127.0.0.1:{self.port}")

    def _prepare(self) -> None:
        """Makes the owner and the database; connecting also proves that the server on the port is ours."""
        names = {"owner": OWNER, "database": DATABASE}
        try:
            with psycopg.connect(self.superuser_url, autocommit=True, connect_timeout=10) as conn:
                owner, database = conn.execute(EXISTS, names).fetchone() or (False, False)
                parts = {name: sql.Identifier(value) for name, value in names.items()}
                if not owner:
                    password = sql.Literal(self._password(OWNER))
                    conn.execute(sql.SQL(CREATE_OWNER).format(**parts, password=password))
                if not database:
                    conn.execute(sql.SQL(CREATE_DATABASE).format(**parts))
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
            raise OperatorError(f"The PostgreSQL of {self.data_dir} cannot be used: {reason}") from error

    def stop(self) -> None:
        """Leaves the server, and stops it when nobody else uses it; a second call does nothing."""
        if self._users is not None:
            with _turn(self.data_dir):
                self._leave()

    def _leave(self) -> None:
        users, self._users = self._users, None
        if users is None:
            return
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.cluster.stop()
        except BlockingIOError:
            return  # Somebody else holds the shared lock, and will stop it.
        finally:
            os.close(users)

    @contextmanager
    def scratch(self) -> Iterator[dict[str, str]]:
        """An empty database beside the other, for what is to be tried and not kept, as `database_url` and
        `database_owner_url`. It and its roles are gone afterwards; who comes meanwhile waits.
        """
        names = {"database": sql.Identifier(_SCRATCH), "owner": sql.Identifier(OWNER)}
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", (_SCRATCH,))
            _drop_scratch(connection)  # Of somebody who was killed.
            try:
                connection.execute(sql.SQL(CREATE_DATABASE).format(**names))
                # Its login is none that could be a member of the other's runtime role.
                login = f"{_SCRATCH}_app:{secrets.token_urlsafe(24)}"
                yield {
                    "database_url": f"postgresql://{login}@127.0.0.1:{self.port}/{_SCRATCH}",
                    "database_owner_url": self._url(OWNER, _SCRATCH),
                }
            finally:
                _drop_scratch(connection)

    def erase(self) -> None:
        """Stops the server for everybody and removes its data: for clusters made to be thrown away."""
        with _turn(self.data_dir):
            self._leave()
            self.cluster.stop()
            shutil.rmtree(self.cluster.home)
            (self.data_dir / "postgres").unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _drop_scratch(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_SCRATCH)))
    for kind in ("app", "runtime", "gate"):
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{_SCRATCH}_{kind}")))


def _cluster(data_dir: Path) -> Cluster:
    """The cluster of `data_dir`; as root its folder lies elsewhere, and a link leads to it."""
    place = data_dir / "postgres"
    if not place.exists():
        place.unlink(missing_ok=True)  # A link whose end was removed.
        home = Cluster.new_home(data_dir)
        if home != place:
            place.symlink_to(home)
    return Cluster(place.resolve())


@contextmanager
def _turn(data_dir: Path) -> Iterator[None]:
    """Waits until nobody else starts or stops the server of `data_dir`; OperatorError after a minute."""
    until = time.monotonic() + _TURN_SECONDS
    with (data_dir / "postgres.lock").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    busy = f"Another process has been starting PostgreSQL for {_TURN_SECONDS:.0f} s."
                    raise OperatorError(busy) from None
                time.sleep(_POLL_SECONDS)
        yield
