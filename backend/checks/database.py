"""The database that is checked, as each of the three who act in it. Whatever is done there is rolled back."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final, Literal

import psycopg
from psycopg import sql

from backend.checks.schema.catalogue import Catalogue
from backend.database.refusals import one_line, refuse_old
from backend.database.roles import Roles
from backend.operators import OperatorError
from backend.settings import Settings, conninfo

type Connection = psycopg.Connection[tuple[Any, ...]]
type Rows = list[tuple[Any, ...]]
type Who = Literal["runtime", "owner", "gate"]

# The schema of the gate knows both: who owns it, and who but the operator may look functions up in it. Their names need
# not be the database's, which may have been cloned or renamed.
_ROLES: Final = """
SELECT pg_get_userbyid(n.nspowner)::text,
       (SELECT pg_get_userbyid(a.grantee)::text
        FROM   aclexplode(n.nspacl) AS a
        WHERE  a.grantee NOT IN (0, n.nspowner, current_user::regrole)
        ORDER BY pg_get_userbyid(a.grantee) <> %s, 1
        LIMIT  1)
FROM   pg_namespace n
WHERE  n.nspname = 'gate'
"""


def roles_of(owner: Connection) -> Roles:
    """Those that the schema was made with, and otherwise those that it would be made with."""
    named = Roles.of(owner)
    found = owner.execute(_ROLES, (named.runtime,)).fetchone()
    gate, runtime = found or (None, None)
    return Roles(named.owner, runtime or named.runtime, gate or named.gate)


class Database:
    """Two logins, and the names of the roles."""

    def __init__(self, runtime: Connection, owner: Connection) -> None:
        self._runtime, self._owner = runtime, owner
        self.roles = roles_of(owner)
        self.login = runtime.info.user

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.rows)

    @contextmanager
    def acting(self, who: Who) -> Iterator[Connection]:
        """A connection with a transaction open, as the API, as the owner, or as the gate."""
        connection = self._runtime if who == "runtime" else self._owner
        with connection.transaction(force_rollback=True):
            # Also within another of these, on the same connection: the owner's is the gate's.
            role = sql.Identifier(self.roles.gate) if who == "gate" else sql.SQL("NONE")
            connection.execute(sql.SQL("SET LOCAL search_path = public; SET LOCAL ROLE {}").format(role))
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
        for name, connection in (("DATABASE_URL", runtime), ("DATABASE_OWNER_URL", owner)):
            if _is_read_only(name, connection):  # As on a standby.
                raise OperatorError(f"{name} leads to where nothing may be written, not even to be rolled back")
        yield Database(runtime, owner)


def _connected(name: str, url: str, settings: Settings) -> Connection:
    try:
        return psycopg.connect(conninfo(url, settings), autocommit=True)
    except psycopg.Error as error:
        raise OperatorError(f"cannot connect to {name}: {one_line(error)}") from None


def _is_read_only(name: str, connection: Connection) -> bool:
    try:
        return connection.execute("SHOW transaction_read_only").fetchone() == ("on",)
    except psycopg.OperationalError as error:
        raise OperatorError(f"the connection of {name} has ended: {one_line(error)}") from None
