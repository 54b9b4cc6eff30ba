"""What PostgreSQL says, in one line for an operator."""

from typing import Final

import psycopg
from psycopg import ConnectionInfo

from backend.operators import OperatorError

OLDEST_POSTGRESQL: Final = 18


def one_line(error: psycopg.Error) -> str:
    """The message with its hint; never its detail, which may quote a row."""
    said = (error.diag.message_primary or str(error), error.diag.message_hint)
    return " ".join(". ".join(filter(None, said)).split())


def refuse_old(info: ConnectionInfo) -> None:
    """Raises OperatorError for a server that lacks what the schema is made of, `uuidv7()` to begin with."""
    if info.server_version < OLDEST_POSTGRESQL * 10_000:
        version = info.parameter_status("server_version")
        raise OperatorError(f"PostgreSQL {OLDEST_POSTGRESQL} or newer is needed, and {version} is running")
