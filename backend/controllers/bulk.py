"""Many items at once: in one body, as a stream that comes in, and as one that goes out."""

from typing import Any, Final

from litestar import Controller, Request
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from backend.answers import Answer
from backend.contracts.items import Batch, Imported, NewItem, NewItems
from backend.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from backend.handlers import get, post
from backend.idempotency import REPLAYED, IdempotencyKey, claim_before_reading, claim_of, replayed
from backend.services import bulk
from backend.services import items as services
from backend.streams import NDJSON, Stream, Streams
from backend.uploads import chunks, pieces, read_out
from queries._fetch import Conn
from queries.items import Item

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
        """Keep up to 1,000 new items, all or none, in this order. A repeated `Idempotency-Key` gets the count alone."""
        added = await services.add_many(conn, data, await claim_of(request, idempotency_key))
        return Answer(added.value, headers=replayed(added))

    @post(
        "/import",
        operation_id="bulk_import",
        status_code=200,
        raises=[IdempotencyKeyInUse, IdempotencyKeyReused],
        response_headers=[REPLAYED],
        request_max_body_size=None,  # IMPORT_MAX_BYTES, counted as they come.
        opt={"reads": NDJSON, "line": NewItem},
    )
    async def fill(
        self,
        request: Request[Any, Any, Any],
        conn: NamedDependency[Conn],
        streams: NamedDependency[Streams],
        idempotency_key: IdempotencyKey = None,
    ) -> Answer[Imported]:
        """Keep an item for each line of a body of any length (NDJSON), all or none.

        A line is a new item in JSON, up to 64 KiB; the first bad one is named, and pointers begin with its number, from
        1 on. Empty lines are passed over. With half a minute of silence it is over.
        """
        with streams.one():
            body = bulk.Digested(pieces(request, request.app.state.settings.import_max_bytes))
            claim = claim_before_reading(request, idempotency_key)
            try:
                done = await bulk.fill(conn, chunks(aiter(body), NewItem), body, claim)
            except Exception:  # Whatever it is refused for, and with the connection given back already.
                await read_out(aiter(body))
                raise
        return Answer(done.value, headers=replayed(done))

    @get(
        "/export",
        media_type=NDJSON,
        responses={200: ResponseSpec(Item, media_type=NDJSON)},
        response_headers={"Vary": "Authorization, Accept-Encoding"},
    )
    async def export(self, conn: NamedDependency[Conn], streams: NamedDependency[Streams]) -> Stream:
        """Read all of one's items, oldest first: a stream of lines (NDJSON).

        They are as they were when it began. An answer that was cut off ends without its last chunk. Who reads nothing
        for half a minute gets no more.
        """
        return Stream(
            streams.held(bulk.lines(conn)), headers={"Content-Disposition": 'attachment; filename="items.ndjson"'}
        )
