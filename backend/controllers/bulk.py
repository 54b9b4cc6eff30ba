"""Many items at once: in one body, as a stream that comes in, and as one that goes out."""

from typing import Any, Final

from litestar import Controller, Request
from litestar.di import NamedDependency
from litestar.params import JSONBody

from backend.answers import Answer
from backend.contracts.items import Batch, NewItems
from backend.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from backend.handlers import post
from backend.idempotency import REPLAYED, IdempotencyKey, claim_of, replayed
from backend.services import items as services
from queries._fetch import Conn

BATCH_MAX_BYTES: Final = 8 * 1024 * 1024


class BulkController(Controller):
    path = "/items"
    tags = ["Items"]
    response_headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept, Accept-Encoding"}

    @post(
        "/batch",
        raises=[IdempotencyKeyInUse, IdempotencyKeyReused],
        response_headers=[REPLAYED],
        request_max_body_size=BATCH_MAX_BYTES,
    )
    async def batch(
        self,
        request: Request[Any, Any, Any],
        conn: NamedDependency[Conn],
        data: JSONBody[NewItems],
        idempotency_key: IdempotencyKey = None,
    ) -> Answer[Batch]:
        """Keep up to 1,000 new items, all or none, and in this order. A repeated `Idempotency-Key` gets the count alone."""
        added = await services.add_many(conn, data, await claim_of(request, idempotency_key))
        return Answer(added.value, headers=replayed(added))
