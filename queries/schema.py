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


# Of the role itself and of every one that it is a member of, however indirectly, and whether it inherits from that or
# not: it could SET ROLE, or grant itself the right to.
ROLE_RIGHTS: Final = """
SELECT bool_or(r.rolsuper)                                            AS is_superuser,
       bool_or(r.rolbypassrls)                                        AS bypasses_row_security,
       bool_or(EXISTS (SELECT FROM pg_class c
                       WHERE  c.relnamespace = 'public'::regnamespace
                       AND    c.relowner = r.oid))                    AS is_owner,
       bool_or(EXISTS (SELECT FROM pg_namespace n
                       WHERE  n.nspname = 'gate'
                       AND    n.nspowner = r.oid))                    AS is_gate,
       bool_or(has_database_privilege(r.oid, current_database(), 'CREATE')
               OR EXISTS (SELECT FROM pg_namespace n
                          WHERE  n.nspname !~ '^pg_temp_'
                          AND    has_schema_privilege(r.oid, n.oid, 'CREATE'))) AS may_create,
       bool_or(EXISTS (SELECT FROM pg_class c
                       WHERE  c.relnamespace = 'public'::regnamespace
                       AND    c.relkind IN ('r', 'p')
                       AND    has_table_privilege(r.oid, c.oid, 'TRUNCATE'))) AS may_truncate
FROM   pg_roles r
WHERE  pg_has_role(r.oid, 'MEMBER')
"""


async def role_rights(conn: Door) -> RoleRights:
    return await fetch_one(conn, RoleRights, ROLE_RIGHTS)
