"""Functions: those of the gate act for others, and nothing turns them round; outside it nobody acts for anybody."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import backend.errors
from backend.checks.database import Database
from backend.checks.findings import Finding, shown
from backend.checks.places import place_of
from backend.checks.schema.bodies import variables
from backend.checks.schema.catalogue import EVERYBODY
from backend.checks.schema.functions import Function, called, called_with_own_rights, functions
from backend.checks.statements.reading import statements
from backend.errors import BY_CONSTRAINT
from queries.claim import CLAIM
from queries.context import ENTER

PATH: Final = "search_path=pg_catalog, public, pg_temp"
# What else a function may set: how it is planned, and nothing of what it may do.
SETTABLE: Final = {"plan_cache_mode"}

_CONSTRAINTS: Final = "SELECT conname FROM pg_constraint"
_CREATES: Final = "SELECT has_schema_privilege(%s, 'gate', 'CREATE')"
_WORD: Final = re.compile(r"\w+")


def check(database: Database) -> Iterator[Finding]:
    found = functions(database.catalogue)
    for function in found:
        yield from _kept(function, database)
        yield from _named_as_columns(function, database)
    yield from _executable(found, database)
    yield from _refusals(found, database)
    if database.rows(_CREATES, database.roles.owner) == [(True,)]:
        sentence = f"the role {database.roles.owner} may create in the schema gate without becoming the gate"
        yield Finding(*place_of("schema", "gate"), "role-creates", sentence, database.roles.owner)


def _found(function: Function, code: str, sentence: str) -> Finding:
    return Finding(*place_of("function", function.name), code, f"{function.name} {sentence}", function.name)


def _kept(function: Function, database: Database) -> Iterator[Finding]:
    roles = database.roles
    if EVERYBODY in function.roles:
        yield _found(function, "public-right", "may be executed by everybody: revoke that from PUBLIC")
    if not function.of_gate:
        if function.definer:
            yield _found(function, "definer-outside", "is SECURITY DEFINER, which only functions of the gate may be")
        return
    if function.owner != roles.gate:
        yield _found(function, "not-gates", f"belongs to {function.owner} and not to the gate")
    if PATH not in function.settings and (function.definer or function.tree is None):
        yield _found(function, "path-not-pinned", "has no pinned search_path, and its caller's may turn it round")
    for setting in function.settings:
        if setting != PATH and setting.partition("=")[0] not in SETTABLE:
            yield _found(function, "other-setting", f"is run with {setting}")
    if not function.definer and {roles.runtime, roles.owner, database.login} & set(function.roles):
        yield _found(function, "not-definer", "is not SECURITY DEFINER, and others than the gate may execute it")


def _named_as_columns(function: Function, database: Database) -> Iterator[Finding]:
    """Beside its table the column would win: `WHERE id = user_id` would compare a row with itself."""
    if function.is_expression:
        return
    words = set(_WORD.findall(function.body))
    used = [table for table in database.catalogue.tables if table.name.rpartition(".")[2] in words]
    columns = {name for table in used for name in table.columns.values()}
    for name in sorted(columns & {*function.names, *variables(function)}):
        yield _found(function, "named-as-column", f"has {name}, which is also a column of a table that it names")


def _executable(found: list[Function], database: Database) -> Iterator[Finding]:
    """Who may execute what: exactly what is called by the statements that he runs, and by what travels with them."""
    by_name, roles = {one.name: one for one in found}, database.roles
    texts = [one.text for one in statements() if one.who == "runtime"]
    wanted = called_with_own_rights([*texts, ENTER, CLAIM], database.catalogue, by_name)
    yield from _compared(found, wanted, {roles.runtime, database.login}, "the API")
    operators = {name for one in statements() if one.who == "owner" for name in called(one.text, by_name)}
    makes_triggers = {one.name for one in found if one.triggers}
    of_gate = [one for one in found if one.of_gate]
    yield from _compared(of_gate, operators | makes_triggers, {roles.owner}, "the operator")


def _compared(found: list[Function], wanted: set[str], roles: set[str], who: str) -> Iterator[Finding]:
    for function in found:
        may = bool(roles & set(function.roles))
        if may and function.name not in wanted:
            yield _found(function, "surplus-right", f"may be executed by {who}, and no statement of it does so")
        elif not may and function.name in wanted and not roles & {function.owner}:
            yield _found(function, "missing-right", f"is called by {who}, which may not execute it")


def _refusals(found: list[Function], database: Database) -> Iterator[Finding]:
    """Each name that is translated is a constraint's, or one that a function refuses with."""
    constraints = {name for (name,) in database.rows(_CONSTRAINTS)}
    refusing = [one.body for one in found if "refuse(" in one.body]
    file = Path(backend.errors.__file__)
    for name in BY_CONSTRAINT:
        if name not in constraints and not any(f"'{name}'" in body for body in refusing):
            lines = file.read_text().splitlines()
            line = next((n for n, text in enumerate(lines, 1) if f'"{name}":' in text), 1)
            sentence = f"no constraint is called {name}, and no function refuses with it"
            yield Finding(shown(file), line, "unknown-constraint", sentence, name)
