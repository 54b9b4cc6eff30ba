"""Claims an Idempotency-Key: what travels between the identity and a write that is to be done only once."""

from typing import Final

from msgspec import Struct

CLAIM: Final = """
SELECT claim(%(claim_route)s, %(claim_key)s, %(claim_digest)s)
"""


class Claim(Struct, frozen=True):
    """`digest` is that of the body, None where it is yet to come; the answer is kept for `seconds`."""

    route: str
    key: str
    digest: bytes | None
    seconds: int

    def parameters(self) -> dict[str, object]:
        """The values of CLAIM."""
        return {"claim_route": self.route, "claim_key": self.key, "claim_digest": self.digest}
