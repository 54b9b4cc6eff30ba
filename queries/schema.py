"""What the API needs to know of its database before it trusts it."""

from typing import Final

from msgspec import Struct

from queries._fetch import Door, fetch_all, fetch_one


class Migration(Struct, frozen=True):
    name: str
    sha256: str


MIGRATIONS: Final = """
SELECT name, sha256
FROM   schema_migrations
ORDER BY name
"""


async def migrations(conn: Door) -> list[Migration]:
    return await fetch_all(conn, Migration, MIGRATIONS)


class RoleRights(Struct, frozen=True):
    """What the role that is logged in could do. Every one of these would open a way round row security."""

    is_superuser: bool
    bypasses_row_security: bool
    is_owner: bool
    is_gate: bool
    may_create: bool
    may_truncate: bool


ROLE_RIGHTS: Final = """
SELECT r.rolsuper                                                 AS is_superuser,
       r.rolbypassrls                                             AS bypasses_row_security,
       pg_has_role(c.relowner, 'MEMBER')                          AS is_owner,
       pg_has_role(n.nspowner, 'MEMBER')                          AS is_gate,
       has_schema_privilege('public', 'CREATE')                   AS may_create,
       has_table_privilege('users', 'TRUNCATE')                   AS may_truncate
FROM   pg_roles r, pg_class c, pg_namespace n
WHERE  r.rolname = current_user
AND    c.oid = 'users'::regclass
AND    n.nspname = 'gate'
"""


async def role_rights(conn: Door) -> RoleRights:
    return await fetch_one(conn, RoleRights, ROLE_RIGHTS)
