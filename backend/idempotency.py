"""The header Idempotency-Key: what makes a request the same as an earlier one."""

from hashlib import sha256
from typing import Annotated, Any, Final

from litestar import Request
from litestar.datastructures import ResponseHeader
from litestar.params import HeaderParameter

from backend.services.idempotency import Outcome
from queries.claim import Claim

REPLAYED: Final = ResponseHeader(
    "Idempotent-Replayed", documentation_only=True, description="`true`: this is the answer of an earlier request."
)

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Chosen by the client, for this one write: whoever sends it again gets the first answer again.",
    ),
]


async def claim_of(request: Request[Any, Any, Any], key: str | None) -> Claim | None:
    """The claim of a request whose body has been read: its user, its route, its key and its body, in its type."""
    if key is None:
        return None
    media = request.scope["state"]["body_type"].encode()
    return _claim(request, key, sha256(media + b"\0" + await request.body()).digest())


def claim_before_reading(request: Request[Any, Any, Any], key: str | None) -> Claim | None:
    """The claim of a request whose body is yet to come."""
    return None if key is None else _claim(request, key, None)


def _claim(request: Request[Any, Any, Any], key: str, digest: bytes | None) -> Claim:
    route = f"{request.method} {request.scope['path_template']}"
    return Claim(route, key, digest, request.app.state.settings.idempotency_seconds)


def replayed(outcome: Outcome[Any]) -> dict[str, str]:
    """The header of an answer that is an earlier one's."""
    return {REPLAYED.name: "true"} if outcome.replayed else {}
