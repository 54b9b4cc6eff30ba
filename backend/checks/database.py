"""The database that is checked, as each of the three who act in it. Whatever is done there is rolled back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import psycopg
from psycopg import sql

from backend.database.refusals import one_line, refuse_old
from backend.database.roles import Roles
from backend.operators import OperatorError
from backend.settings import Settings, conninfo

type Connection = psycopg.Connection[tuple[Any, ...]]
type Rows = list[tuple[Any, ...]]
type Who = Literal["runtime", "owner", "gate"]


class Database:
    """Two logins, and the names of the roles."""

    def __init__(self, runtime: Connection, owner: Connection) -> None:
        self._runtime, self._owner = runtime, owner
        self.roles = Roles.of(owner)

    @contextmanager
    def acting(self, who: Who) -> Iterator[Connection]:
        """A connection with a transaction open, as the API, as the owner, or as the gate."""
        connection = self._runtime if who == "runtime" else self._owner
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL search_path = public")
            if who == "gate":
                connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(self.roles.gate)))
            yield connection

    def rows(self, statement: str, *values: object) -> Rows:
        """What the owner is answered, who may read the whole catalogue."""
        with self.acting("owner") as connection:
            return connection.execute(statement.encode(), values or None).fetchall()


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """Raises OperatorError where one of the two cannot connect."""
    if settings.database_url is None or settings.database_owner_url is None:
        raise OperatorError("DATABASE_URL and DATABASE_OWNER_URL are needed to check what each of them may do")
    with (
        _connected("DATABASE_URL", settings.database_url, settings) as runtime,
        _connected("DATABASE_OWNER_URL", settings.database_owner_url, settings) as owner,
    ):
        refuse_old(owner.info)
        yield Database(runtime, owner)


def _connected(name: str, url: str, settings: Settings) -> Connection:
    try:
        return psycopg.connect(conninfo(url, settings), autocommit=True)
    except psycopg.OperationalError as error:
        raise OperatorError(f"cannot connect to {name}: {one_line(error)}") from None
