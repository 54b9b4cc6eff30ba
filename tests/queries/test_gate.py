"""The functions of the gate, as the role of the API meets them: what it may not call is refused.

What each is made of, and who may call it, is in `backend.checks.schema.gate`.
"""

import re
from typing import Final

import psycopg
import pytest
from psycopg import sql

from backend.checks.statements.reading import statements
from tests.database import Connection, rows

# What makes a trigger needs a right to its function. It cannot be called in any other way.
TRIGGERS: Final = {"end_sessions_of_disabled", "keep_an_admin"}
# Those that a function outside the gate calls with its caller's rights, and which.
BY_FUNCTIONS: Final = {"forget_old_keys": "claim"}


def called() -> set[str]:
    """The functions of the gate that the statements of the API call."""
    texts = [one.text for one in statements() if one.who == "runtime"]
    return {name for text in texts for name in re.findall(r"\bgate\.(\w+)\(", text)}


@pytest.mark.checklist(48)
async def test_the_runtime_role_is_refused_what_is_not_its_own(superuser: Connection, runtime: Connection) -> None:
    signatures = "SELECT proname, proargtypes::regtype[]::text[] FROM pg_proc WHERE pronamespace = 'gate'::regnamespace"
    own, refused = called(), 0
    for name, types in await rows(superuser, signatures):
        if name in own or name in TRIGGERS or name in BY_FUNCTIONS:
            continue
        nulls = sql.SQL(", ").join(sql.SQL(f"NULL::{kind}") for kind in types)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await runtime.execute(sql.SQL("SELECT gate.{}({})").format(sql.Identifier(name), nulls))
        refused += 1
    assert refused > 5
