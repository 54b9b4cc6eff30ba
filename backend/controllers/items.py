"""Items, the resource that every later one copies."""

from uuid import UUID

from litestar import Controller
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from backend.answers import Answer
from backend.contracts.items import ItemPatch, NewItem
from backend.contracts.pages import Cursor, Limit, Page, before, page_of
from backend.controllers.found import found
from backend.errors import InvalidCursor, NotFound
from backend.handlers import delete, get, patch, post
from queries import items
from queries._fetch import Conn
from queries.items import Item

PATH = "/v1/items"
LOCATION = ResponseHeader("Location", documentation_only=True, description="The address of the new item.")


class ItemController(Controller):
    path = "/items"
    tags = ["Items"]
    response_headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}

    @get("/", raises=[InvalidCursor])
    async def page(self, conn: NamedDependency[Conn], limit: Limit = 20, cursor: Cursor = None) -> Answer[Page[Item]]:
        """List one's items, newest first."""
        return page_of(await items.page(conn, before(cursor, PATH), limit + 1), limit, PATH)

    @post("/", response_headers=[LOCATION])
    async def add(self, conn: NamedDependency[Conn], data: JSONBody[NewItem]) -> Answer[Item]:
        """Keep a new item."""
        item = await items.add(conn, data.title, data.description)
        return Answer(item, headers={"Location": f"{PATH}/{item.id}"})

    @get("/{item_id:uuid}", raises=[NotFound])
    async def find(self, conn: NamedDependency[Conn], item_id: FromPath[UUID]) -> Item:
        """Read an item."""
        return found(await items.find(conn, item_id))

    @patch("/{item_id:uuid}", raises=[NotFound])
    async def edit(self, conn: NamedDependency[Conn], item_id: FromPath[UUID], data: JSONBody[ItemPatch]) -> Item:
        """Change an item. What is left out stays, null clears (RFC 7396)."""
        return found(
            await items.edit(
                conn,
                item_id,
                title=None if data.title is UNSET else data.title,
                sets_description=data.description is not UNSET,
                description=None if data.description is UNSET else data.description,
            )
        )

    @delete("/{item_id:uuid}", raises=[NotFound])
    async def remove(self, conn: NamedDependency[Conn], item_id: FromPath[UUID]) -> None:
        """Throw an item away."""
        found(await items.remove(conn, item_id) or None)
