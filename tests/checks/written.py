"""Modules of statements that are written down for one test."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

from backend.checks.database import Database
from backend.checks.findings import Finding
from backend.checks.nullability.lookups import Catalogue
from backend.checks.statements.comparing import check_statement
from backend.checks.statements.reading import statements_of

# Ends in the line before the first of the source.
_ABOVE: Final = (
    "from datetime import date, datetime; from typing import Any, Final, Literal, NewType; from uuid import UUID;"
    " from msgspec import Struct; from queries._arrays import text_array;"
    " from queries._fetch import Cheap, Door, execute, fetch_all, fetch_one, fetch_optional;"
    " from queries.claim import Claim; from queries.items import Item; from queries.users import User;"
    " from queries.versioned import Changed, Versioned\n"
)


def module_of(folder: Path, source: str) -> ModuleType:
    """The module, with everything imported in its first line that modules of `queries` import."""
    file = folder / "wrong.py"
    file.write_text(_ABOVE + source)
    name = f"wrong_{abs(hash((str(folder), source)))}"
    spec = spec_from_file_location(name, file)
    assert spec
    assert spec.loader
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def found_in(database: Database, module: ModuleType) -> list[Finding]:
    """All that is found of its statements."""
    catalogue = Catalogue(database)
    return [one for statement in statements_of(module) for one in check_statement(database, catalogue, statement)]
