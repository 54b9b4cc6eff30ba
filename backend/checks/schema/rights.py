"""Who may do what beside row security: the role of the API nothing that gets round it, and everybody nothing at all."""

from collections.abc import Iterator
from typing import Any, Final

from backend.checks.database import Database
from backend.checks.findings import Finding
from backend.checks.places import place_of
from backend.checks.schema.catalogue import EVERYBODY

# Row security does not speak of these: they reach rows or structure past it.
BEYOND: Final = {"TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"}

_ATTRIBUTES: Final = """
SELECT rolname, attribute
FROM   pg_roles, unnest(
        ARRAY['SUPERUSER', 'BYPASSRLS', 'CREATEROLE', 'CREATEDB', 'REPLICATION'],
        ARRAY[rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication]
     ) AS of (attribute, has)
WHERE  has AND rolname = ANY (%s)
"""
# Inherited or not: it could SET ROLE, or grant itself the right to.
_MEMBERSHIPS: Final = """
SELECT member.rolname, role.rolname
FROM   pg_roles member
JOIN   pg_roles role ON pg_has_role(member.oid, role.oid, 'MEMBER')
WHERE  member.rolname = ANY (%s) AND NOT role.rolname = ANY (%s) AND NOT member.rolsuper
"""
_OWNED: Final = """
SELECT DISTINCT pg_get_userbyid(refobjid), pg_describe_object(classid, objid, objsubid)
FROM   pg_shdepend
WHERE  deptype = 'o' AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
AND    refclassid = 'pg_authid'::regclass AND pg_get_userbyid(refobjid) = ANY (%s)
"""
_CREATES: Final = """
SELECT rolname, nspname
FROM   pg_roles, pg_namespace
WHERE  rolname = ANY (%s) AND nspname !~ '^pg_' AND has_schema_privilege(rolname, nspname, 'CREATE') AND NOT rolsuper
"""
_OF_EVERYBODY: Final = """
SELECT nspname, privilege_type
FROM   pg_namespace n, aclexplode(nspacl)
WHERE  grantee = 0 AND nspname !~ '^pg_' AND nspname <> 'information_schema'
"""
_SEQUENCES_OF_EVERYBODY: Final = """
SELECT c.oid::regclass::text, privilege_type
FROM   pg_class c
JOIN   pg_namespace n ON n.oid = c.relnamespace, aclexplode(relacl)
WHERE  c.relkind = 'S' AND grantee = 0 AND nspname !~ '^pg_' AND nspname <> 'information_schema'
"""


def rights(database: Database) -> Iterator[Finding]:
    yield from _roles(database)
    for right in database.catalogue.rights:
        relation = database.catalogue.relations[right.table]
        on = f"{relation.name}.{right.column}" if right.column else relation.name
        place = place_of("view" if relation.is_view else "table", relation.name)
        if right.role == EVERYBODY:
            yield Finding(*place, "public-right", f"{right.privilege} on {on} is granted to PUBLIC", relation.name)
        elif right.role in (database.roles.runtime, database.login) and right.privilege in BEYOND:
            sentence = f"{right.role} has {right.privilege} on {on}, which row security says nothing about"
            yield Finding(*place, "beyond-policies", sentence, relation.name)


def _roles(database: Database) -> Iterator[Finding]:
    """The logins of the API and its group, and the gate, which nobody should be but the functions that it owns."""
    roles, place = database.roles, place_of("schema", "gate")
    own = [database.login, roles.runtime]

    def found(code: str, statement: str, sentence: str, *values: Any) -> Iterator[Finding]:
        for row in sorted(database.rows(statement, *values)):
            yield Finding(*place, code, sentence.format(*row), row[0])

    yield from found("role-attribute", _ATTRIBUTES, "the role {} is {}", [*own, roles.gate])
    # The owner makes roles; row security is forced upon him, who must not be able to pass by it.
    yield from (
        one
        for one in found("role-attribute", _ATTRIBUTES, "the role {} is {}", [roles.owner])
        if one.sentence.endswith((" SUPERUSER", " BYPASSRLS"))
    )
    yield from found("role-member", _MEMBERSHIPS, "the role {} is a member of {}", own, own)
    yield from found("role-owns", _OWNED, "the role {} owns {}, and so is held to nothing there", own)
    yield from found("role-creates", _CREATES, "the role {} may create in the schema {}", own)
    yield from found("public-right", _OF_EVERYBODY, "the schema {} grants {} to PUBLIC")
    yield from found("public-right", _SEQUENCES_OF_EVERYBODY, "the sequence {} grants {} to PUBLIC")
