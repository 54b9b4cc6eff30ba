"""Enters an identity: what travels in front of every statement, and ends with its transaction."""

from typing import Final
from uuid import UUID

from msgspec import Struct

ENTER: Final = """
SELECT enter(%(enter_user_id)s, %(enter_session_id)s, %(enter_read_only)s, %(enter_timeout_ms)s)
"""

BEGIN: Final = "BEGIN"
BEGIN_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ"

IDLE: Final = """
SELECT set_config('idle_in_transaction_session_timeout', %(milliseconds)s::text, true)
"""


class Context(Struct, frozen=True):
    """Who asks, how, and for how long (milliseconds a statement). Without a user there are no rows."""

    timeout_ms: int
    read_only: bool = False
    user_id: UUID | None = None
    session_id: UUID | None = None

    def parameters(self) -> dict[str, object]:
        """The values of ENTER."""
        return {
            "enter_user_id": self.user_id,
            "enter_session_id": self.session_id,
            "enter_read_only": self.read_only,
            "enter_timeout_ms": self.timeout_ms,
        }
