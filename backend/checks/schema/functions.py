"""The functions of ours, whatever they are written in, and what each of them calls."""

import re
from functools import cache
from typing import Any, Final

from msgspec import Struct

from backend.checks.schema.catalogue import Catalogue
from backend.checks.trees import Node, read

_FUNCTIONS: Final = """
SELECT p.oid, concat_ws('.', nullif(n.nspname, 'public'), p.proname), pg_get_userbyid(p.proowner), p.prosecdef,
       l.lanname, coalesce(p.proconfig, '{}'),
       ARRAY(SELECT CASE grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee)::text END
             FROM   aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))
             WHERE  grantee <> p.proowner),
       ARRAY(SELECT coalesce(name, '')
             FROM   unnest(p.proargnames, coalesce(p.proargmodes, '{}'::"char"[])) AS argument (name, mode)
             WHERE  coalesce(mode, 'i') IN ('i', 'b', 'v')),
       ARRAY(SELECT format_type(type, NULL)
             FROM   unnest(p.proargtypes) WITH ORDINALITY AS argument (type, place) ORDER BY place),
       ARRAY(SELECT DISTINCT tgrelid FROM pg_trigger WHERE tgfoid = p.oid AND NOT tgisinternal)::bigint[],
       coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), p.prosqlbody::text
FROM   pg_proc p
JOIN   pg_namespace n ON n.oid = p.pronamespace
JOIN   pg_language l ON l.oid = p.prolang
WHERE  n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND    NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
ORDER BY 2
"""
# Whoever writes or reads a row has these called, with his own rights: defaults, conditions, policies.
_OF_TABLES: Final = """
SELECT DISTINCT refobjid
FROM   pg_depend
WHERE  refclassid = 'pg_proc'::regclass
AND    classid IN ('pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_policy'::regclass)
"""

# What is not code, so that a name in it is no call.
_QUOTED: Final = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_CALL: Final = re.compile(r"((?:\w+\.)?\w+)\s*\(")


class Function(Struct, frozen=True):
    """`name` has its schema where that is not `public`. `roles` may execute it beside its owner.

    `names` and `types` are those of what goes in; `triggers` the tables whose triggers run it. `body` is what
    PostgreSQL shows of one that is bound to what it names (`tree`), and otherwise the text as it was written.
    """

    oid: int
    name: str
    owner: str
    definer: bool
    language: str
    settings: list[str]
    roles: list[str]
    names: list[str]
    types: list[str]
    triggers: list[int]
    body: str
    tree: str | None

    @property
    def is_expression(self) -> bool:
        """RETURN: it names no table, unless in a subquery."""
        return self.tree is not None and not self.body.startswith("BEGIN")

    @property
    def of_gate(self) -> bool:
        return self.name.startswith("gate.")

    def queries(self) -> list[Node]:
        """The trees of its statements, where PostgreSQL keeps them."""
        tree = _tree(self.tree) if self.tree else []
        while isinstance(tree, list) and len(tree) == 1 and isinstance(tree[0], list):
            (tree,) = tree
        return tree if isinstance(tree, list) else [tree]


@cache  # What is in a migration is as often read as the functions are, and does not change.
def _tree(text: str) -> Any:
    return read(text)


def functions(catalogue: Catalogue) -> list[Function]:
    return [Function(*row) for row in catalogue.ask(_FUNCTIONS)]


def called(text: str, by_name: dict[str, Function]) -> set[str]:
    """The names of the functions of ours that a text calls."""
    names = (name.removeprefix("public.") for name in _CALL.findall(_QUOTED.sub("''", text)))
    return {name for name in names if name in by_name}


def called_with_own_rights(texts: list[str], catalogue: Catalogue, by_name: dict[str, Function]) -> set[str]:
    """What somebody must be allowed to execute for these statements: also what is called inside by functions that act
    with their caller's rights, and by triggers, defaults, conditions and policies.
    """
    by_tables = {oid for (oid,) in catalogue.ask(_OF_TABLES)}
    triggered = [one.body for one in by_name.values() if one.triggers and not one.definer]
    wanted = {one.name for one in by_name.values() if one.oid in by_tables}
    for text in [*texts, *triggered]:
        wanted |= called(text, by_name)
    looked: set[str] = set()
    while unlooked := wanted - looked:
        looked |= unlooked
        wanted |= {name for one in unlooked if not by_name[one].definer for name in called(by_name[one].body, by_name)}
    return wanted
