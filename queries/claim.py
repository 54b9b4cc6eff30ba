"""Claims an Idempotency-Key: what travels between the identity and a write that is to be done only once."""

from typing import Final

from msgspec import Struct

CLAIM: Final = """
SELECT claim(%(claim_route)s, %(claim_key)s, %(claim_digest)s, %(claim_answer)s, %(claim_seconds)s)
"""


class Claim(Struct, frozen=True):
    """`digest` is that of the body, None where it is yet to come. `answer` (JSON) is kept for so many `seconds`, and at
    once where it is known already.
    """

    route: str
    key: str
    digest: bytes | None
    seconds: int
    answer: str | None = None

    def parameters(self) -> dict[str, object]:
        """The values of CLAIM."""
        return {
            "claim_route": self.route,
            "claim_key": self.key,
            "claim_digest": self.digest,
            "claim_answer": self.answer,
            "claim_seconds": self.seconds,
        }
