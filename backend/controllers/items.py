"""Items, the resource that every later one copies."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from backend.answers import Answer
from backend.contracts.items import ItemPatch, NewItem, Order, Search
from backend.contracts.pages import Cursor, Limit, Page
from backend.controllers.found import found, in_state
from backend.controllers.item_lists import page_of_items
from backend.errors import IdempotencyKeyInUse, IdempotencyKeyReused, InvalidCursor, NotFound, PreconditionFailed
from backend.etags import IfMatch, versions_of
from backend.handlers import delete, get, patch, post
from backend.idempotency import REPLAYED, IdempotencyKey, claim_of, replayed
from backend.services import items as services
from queries import items
from queries._fetch import Conn
from queries.items import Item

PATH = "/v1/items"
LOCATION = ResponseHeader("Location", documentation_only=True, description="The address of the new item.")
ETAG = ResponseHeader("ETag", documentation_only=True, description="The state of the item, for conditional requests.")
NOT_MODIFIED = {304: ResponseSpec(None, generate_examples=False)}


class ItemController(Controller):
    path = "/items"
    tags = ["Items"]
    response_headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept, Accept-Encoding"}

    @get("/", raises=[InvalidCursor])
    async def page(
        self,
        conn: NamedDependency[Conn],
        limit: Limit = 20,
        cursor: Cursor = None,
        order: Order = "-created_at",
        q: Search = None,
    ) -> Answer[Page[Item]]:
        """List one's items, newest first unless another order is asked for.

        With `q` only those that have it in their titles. An item that gets another title during a walk by title may
        be missed by it, or met twice.
        """
        return await page_of_items(conn, PATH, limit=limit, cursor=cursor, order=order, q=q)

    @post("/", raises=[IdempotencyKeyInUse, IdempotencyKeyReused], response_headers=[LOCATION, ETAG, REPLAYED])
    async def add(
        self,
        request: Request[Any, Any, Any],
        conn: NamedDependency[Conn],
        data: JSONBody[NewItem],
        idempotency_key: IdempotencyKey = None,
    ) -> Answer[Item]:
        """Keep a new item. With `Idempotency-Key` once, however often it is sent."""
        added = await services.add(conn, data, await claim_of(request, idempotency_key))
        item, version = added.value.row, added.value.version
        return Answer(item, version=version, headers={"Location": f"{PATH}/{item.id}"} | replayed(added))

    @get("/{item_id:uuid}", raises=[NotFound], response_headers=[ETAG], responses=NOT_MODIFIED)
    async def find(self, conn: NamedDependency[Conn], item_id: FromPath[UUID]) -> Answer[Item]:
        """Read an item. With `If-None-Match` only if it has changed."""
        item = found(await items.find(conn, item_id))
        return Answer(item.row, version=item.version)

    @patch("/{item_id:uuid}", raises=[NotFound, PreconditionFailed], response_headers=[ETAG])
    async def edit(
        self,
        conn: NamedDependency[Conn],
        item_id: FromPath[UUID],
        data: JSONBody[ItemPatch],
        if_match: IfMatch = None,
    ) -> Answer[Item]:
        """Change an item. What is left out stays, null clears (RFC 7396). With `If-Match` only in that state."""
        edited = found(
            await items.edit(
                conn,
                item_id,
                versions=versions_of(if_match),
                title=None if data.title is UNSET else data.title,
                sets_description=data.description is not UNSET,
                description=None if data.description is UNSET else data.description,
            )
        )
        return Answer(in_state(edited.row, if_match), version=edited.version)

    @delete("/{item_id:uuid}", raises=[NotFound, PreconditionFailed])
    async def remove(self, conn: NamedDependency[Conn], item_id: FromPath[UUID], if_match: IfMatch = None) -> None:
        """Throw an item away. With `If-Match` only in that state."""
        removal = found(await items.remove(conn, item_id, versions=versions_of(if_match)))
        in_state(removal.done or None, if_match)
