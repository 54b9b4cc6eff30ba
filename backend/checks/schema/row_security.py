"""Row security: every table of ours is held to its policies, and these let nobody at what is somebody else's."""

from collections.abc import Iterator
from typing import Final

from backend.checks.database import Database
from backend.checks.findings import Finding
from backend.checks.places import Kind, place_of
from backend.checks.schema.catalogue import COMMANDS, EVERYBODY, Catalogue, Policy, Table
from backend.checks.schema.identity import compared, read_once, served, tied
from backend.checks.schema.rights import rights
from backend.checks.trees import Node, same
from backend.database.roles import Roles

# What the database keeps by itself, and nobody writes by hand; the columns that policies compare are kept as well.
KEPT: Final = {"id", "created_at", "updated_at"}


def check(database: Database) -> Iterator[Finding]:
    catalogue, roles = database.catalogue, database.roles
    for table in catalogue.relations.values():
        if table.is_view:
            yield from _view(table)
            continue
        yield from _table(catalogue, table)
        for policy in catalogue.policies_of(table):
            yield from _policy(catalogue, table, policy, roles)
        yield from _writable(catalogue, table, {roles.runtime, database.login})
        if table.enabled:
            yield from _without_policy(catalogue, table)
    yield from rights(database)


def _found(table: Table, code: str, sentence: str, kind: Kind = "table", name: str = "") -> Finding:
    return Finding(*place_of(kind, name or table.name, table.name), code, sentence, table.name)


def _view(view: Table) -> Iterator[Finding]:
    """Without security_invoker a view shows what its owner may see; a materialized one what he saw."""
    if not view.invoker:
        yield _found(view, "not-invoker", f"the view {view.name} is not security_invoker, and shows all rows", "view")


def _table(catalogue: Catalogue, table: Table) -> Iterator[Finding]:
    if not table.enabled:
        yield _found(table, "not-enabled", f"row security is not enabled on {table.name}")
    elif not table.forced:
        yield _found(table, "not-forced", f"row security of {table.name} is not forced, and its owner passes by it")
    indexes = catalogue.indexes_of(table)
    if not any(index.primary for index in indexes):
        yield _found(table, "no-primary-key", f"{table.name} has no primary key")
    for key in catalogue.foreign_keys:
        begins = [set(key.columns) == set(index.keys[: len(key.columns)]) and not index.partial for index in indexes]
        if key.table == table.oid and not any(begins):
            sentence = f"no index of {table.name} begins with the columns of {key.name}"
            yield _found(
                table, "no-foreign-key-index", f"{sentence}: what refers to a row is not found", "index", key.name
            )


def _policy(catalogue: Catalogue, table: Table, policy: Policy, roles: Roles) -> Iterator[Finding]:
    def found(code: str, sentence: str) -> Finding:
        return _found(table, code, f"the policy {policy.name} of {table.name} {sentence}", "policy", policy.name)

    of_gate = policy.roles == [roles.gate]
    if EVERYBODY in policy.roles:
        yield found("public-policy", "is for everybody: name the role")
    for role in sorted({*policy.roles} - {roles.runtime, roles.gate, EVERYBODY}):
        yield found("other-role", f"is for {role}, which is neither the API's role nor the gate")
    if policy.permissive and _is_true(policy.using) and not of_gate:
        yield found("using-true", "lets others than the gate see every row")
    if policy.command in (None, "INSERT", "UPDATE") and policy.check is None:
        yield found("no-check", "has no WITH CHECK of its own")
    if policy.permissive and _is_true(policy.check) and not (of_gate and _is_true(policy.using or policy.check)):
        yield found("check-true", "lets through every row that is written")
    if not of_gate and policy.using and policy.check and not same(policy.using, policy.check):
        yield found("check-differs", "says one thing of what is read and another of what is written")
    for tree in (policy.using, policy.check):
        if tree and policy.permissive and not of_gate and not _is_true(tree) and not tied(catalogue, tree):
            yield found("open-policy", "can be true of a row that has nothing to do with who asks")
        for name in read_once(catalogue, tree) if tree else ():
            yield found("identity-per-row", f"calls {name} for every row: (SELECT {name}()) is evaluated once")
    if not of_gate and policy.using and not served(policy.using, catalogue.indexes_of(table)):
        yield found("no-policy-index", "compares a column that no index begins with")


def _is_true(tree: Node | None) -> bool:
    return tree is not None and tree.kind == "CONST" and tree["constvalue"] is not None and tree["constvalue"][0] == 1


def _without_policy(catalogue: Catalogue, table: Table) -> Iterator[Finding]:
    """A right without a policy is to no row: nobody sees what is missing."""
    policies = [one for one in catalogue.policies_of(table) if one.permissive]
    granted = {(one.role, one.privilege) for one in catalogue.rights_on(table) if one.role != EVERYBODY}
    for role, command in sorted(granted):
        if command in COMMANDS and not any(one.is_for(command, role) for one in policies):
            yield _found(table, "no-policy", f"{role} may {command} on {table.name}, and no policy lets it do so")


def _writable(catalogue: Catalogue, table: Table, runtime: set[str]) -> Iterator[Finding]:
    """Whose a row is, and when it was made, are defaults."""
    policies = [one for one in catalogue.policies_of(table) if runtime & set(one.roles)]
    kept = KEPT | {table.columns[number] for one in policies for number in compared(one.using or one.check)}
    for right in catalogue.rights_on(table):
        if right.role not in runtime or right.privilege not in ("INSERT", "UPDATE"):
            continue
        for column in sorted(kept & ({right.column} if right.column else set(table.columns.values()))):
            sentence = f"{right.role} may {right.privilege} the column {column} of {table.name} by hand"
            yield _found(table, "writable", sentence)
