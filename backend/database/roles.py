"""The roles that a database needs: made by its owner where he may, and otherwise asked of a DBA in one line.

Group roles carry the database's name, since roles belong to the whole cluster.
"""

from collections.abc import Iterator
from typing import Any, Final

import psycopg
from msgspec import Struct
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from backend.operators import OperatorError

type Connection = psycopg.Connection[tuple[Any, ...]]

# PostgreSQL cuts longer names off (NAMEDATALEN), and gate and runtime would become one role.
_NAME_BYTES: Final = 63 - len("_runtime")

_IS_THERE: Final = "SELECT FROM pg_roles WHERE rolname = %s"
_MEMBERSHIP: Final = """
SELECT pg_has_role(member.oid, role.oid, %s)
FROM   pg_roles member, pg_roles role
WHERE  member.rolname = %s AND role.rolname = %s
"""
# Both come with owning the database: the schema `public` belongs to whoever that is.
_MAY_CREATE: Final = """
SELECT has_database_privilege(current_database(), 'CREATE') AND pg_has_role(nspowner, 'USAGE')
FROM   pg_namespace
WHERE  nspname = 'public'
"""


class Roles(Struct, frozen=True):
    """Their names: who owns the schema, what the API is a member of, and what owns the functions of the gate."""

    owner: str
    runtime: str
    gate: str

    @classmethod
    def of(cls, connection: Connection) -> "Roles":
        """The roles of the database that the owner is connected to. Raises OperatorError."""
        database = connection.info.dbname
        if len(database.encode()) > _NAME_BYTES:
            raise OperatorError(f"the database's name is longer than {_NAME_BYTES} bytes: its roles are named after it")
        roles = cls(connection.info.user, f"{database}_runtime", f"{database}_gate")
        if roles.owner in (roles.runtime, roles.gate):
            raise OperatorError(f"{roles.owner} cannot be the owner: a role of that name has other rights here")
        return roles


class _Wish(Struct, frozen=True):
    """A statement, and how to show it to others: without a password."""

    statement: sql.Composed
    shown: sql.Composed


def ensure(connection: Connection, roles: Roles, runtime_url: str) -> None:
    """Makes the roles, the login of `runtime_url` and the memberships that are missing.

    Raises OperatorError with every statement that a DBA must run, and for a login that would get round row security.
    """
    url = conninfo_to_dict(runtime_url)
    login, password = str(url.get("user") or ""), str(url.get("password") or "")
    if login == roles.gate or any(_is_member(connection, login, role, "MEMBER") for role in (roles.owner, roles.gate)):
        raise OperatorError("the login of DATABASE_URL is a superuser, or is or belongs to the owner or the gate")
    denied = []
    for wish in list(_missing(connection, roles, login, password)):
        try:
            connection.execute(wish.statement)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject):  # No right, or no role as yet.
            denied.append(wish.shown.as_string(connection))
    if denied:
        raise OperatorError(f"the owner may not do this; a DBA must run: {'; '.join(denied)};")


def _missing(connection: Connection, roles: Roles, login: str, password: str) -> Iterator[_Wish]:
    if connection.execute(_MAY_CREATE).fetchone() != (True,):
        yield _wish("ALTER DATABASE {} OWNER TO {}", connection.info.dbname, roles.owner)
    # First of all, for somebody may have given the login the name that its group would get.
    if not _is_there(connection, login):
        yield _login(connection, login, password)
    for group in (roles.gate, roles.runtime):
        if group != login and not _is_there(connection, group):
            yield _wish("CREATE ROLE {} NOLOGIN", group)
    # Inheriting from the gate, the owner would be let through by its policies.
    may_become, inherits = (_is_member(connection, roles.owner, roles.gate, kind) for kind in ("SET", "USAGE"))
    if inherits or not may_become:
        yield _wish("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE", roles.gate, roles.owner)
    if login != roles.runtime and not _is_member(connection, login, roles.runtime, "USAGE"):
        yield _wish("GRANT {} TO {} WITH INHERIT TRUE", roles.runtime, login)


def _wish(statement: str, *names: str) -> _Wish:
    composed = sql.SQL(statement).format(*map(sql.Identifier, names))
    return _Wish(composed, composed)


def _login(connection: Connection, login: str, password: str) -> _Wish:
    """The server gets a SCRAM verifier: it writes statements that fail, and perhaps all, to its log."""
    verifier = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
    create, name = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}"), sql.Identifier(login)
    return _Wish(create.format(name, sql.Literal(verifier)), create.format(name, sql.SQL("'...'")))


def _is_there(connection: Connection, role: str) -> bool:
    return connection.execute(_IS_THERE, (role,)).fetchone() is not None


def _is_member(connection: Connection, member: str, role: str, kind: str) -> bool:
    """False as well when one of the two is not there."""
    return connection.execute(_MEMBERSHIP, (kind, member, role)).fetchone() == (True,)
