"""Where in the migrations a table, a function, a policy, an index, a schema was last written down."""

import re
from functools import cache
from typing import Final, Literal

from backend.checks.findings import shown
from backend.database.migrate import FOLDER, files

type Kind = Literal["table", "function", "policy", "index", "view", "type", "schema"]
type Place = tuple[str, int]

_WRITTEN: Final = re.compile(
    r"""^\s*CREATE\s+(?:OR\s+REPLACE\s+|UNIQUE\s+|UNLOGGED\s+|MATERIALIZED\s+)*
        (?P<kind>TABLE|FUNCTION|POLICY|INDEX|VIEW|TYPE|SCHEMA)\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?
        (?P<name>[\w.]+)
    |   \bCONSTRAINT\s+(?P<constraint>\w+)
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


def place_of(kind: Kind, name: str, table: str = "") -> Place:
    """File and line, the name with its schema where that is not `public`.

    What is written down nowhere, as the index of a primary key, is where its table is; and if that is not either, the
    last migration.
    """
    written = _written()
    found = written.get((kind, name)) or written.get(("constraint", name)) or written.get(("table", table))
    return found or (_last(), 1)


@cache
def _last() -> str:
    return shown(FOLDER / files()[-1].name)


@cache
def _written() -> dict[tuple[str, str], Place]:
    found: dict[tuple[str, str], Place] = {}
    for file in files():
        for token in _WRITTEN.finditer(file.text):
            kind = (token["kind"] or "constraint").lower()
            name = (token["name"] or token["constraint"]).removeprefix("public.")
            begins = token.start() + len(token[0]) - len(token[0].lstrip())
            found[kind, name] = (shown(FOLDER / file.name), file.text.count("\n", 0, begins) + 1)
    return found
