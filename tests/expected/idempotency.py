"""What is remembered of requests with an Idempotency-Key. It has no routes of its own."""

from typing import Final

from tests.expected.shapes import Grants

GRANTS: Final = {
    "idempotency_keys": Grants(inserts=frozenset({"route", "key", "digest", "answer", "expires_at"}), deletes=True)
}
