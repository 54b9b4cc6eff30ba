"""A database in which something was changed a moment ago, and not for long: the transaction is rolled back."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from backend.checks.database import Connection, Database, Who, opened
from backend.settings import Settings


class Tampered(Database):
    """All three on the one connection of a superuser, since nobody else sees what he has not committed."""

    def __init__(self, superuser: Connection, untampered: Database) -> None:
        self._superuser = superuser
        self.roles = untampered.roles
        self.login = untampered.login

    @contextmanager
    def acting(self, who: Who) -> Iterator[Connection]:
        role = {"runtime": self.login, "owner": self.roles.owner, "gate": self.roles.gate}[who]
        with self._superuser.transaction(force_rollback=True):
            self._superuser.execute(
                sql.SQL("SET LOCAL search_path = public; SET LOCAL ROLE {}").format(sql.Identifier(role))
            )
            yield self._superuser


@contextmanager
def tampering(superuser: Connection, untampered: Database, change: str) -> Iterator[Tampered]:
    """Raises `psycopg.Error` where PostgreSQL itself refuses the change."""
    with superuser.transaction(force_rollback=True):
        superuser.execute("SET LOCAL search_path = public; SET LOCAL lock_timeout = '10s'")
        superuser.execute(change.encode())
        yield Tampered(superuser, untampered)


@contextmanager
def untampered(settings: Settings, superuser_url: str) -> Iterator[tuple[Connection, Database]]:
    """The superuser's connection to the database that the settings name, and that as it is."""
    with opened(settings) as database:
        with database.acting("owner") as owner:
            url = f"{superuser_url.rsplit('/', 1)[0]}/{owner.info.dbname}"
        with psycopg.connect(url, autocommit=True) as superuser:
            yield superuser, database
