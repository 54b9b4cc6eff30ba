"""Routes that give away what is not theirs to give: each has one fault that the attacks have to notice."""

from typing import Any, Final, NamedTuple
from uuid import UUID

from litestar import Controller, Request
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from backend.contracts.items import NewItem, Search
from backend.contracts.pages import Cursor, Limit
from backend.controllers.found import found
from backend.errors import NotAdmin, NotFound, PreconditionFailed
from backend.etags import IfMatch
from backend.handlers import delete, get, patch, post
from backend.idempotency import IdempotencyKey
from queries import items, users
from queries._fetch import Conn
from tests.database import rows
from tests.expected.items import ITEM
from tests.expected.shapes import Route

type Asked = Request[Any, Any, Any]


class Owned(Struct, forbid_unknown_fields=True):
    title: str
    owner_id: UUID | None = None


class Referring(Struct, forbid_unknown_fields=True):
    title: str
    item_id: UUID | None = None


async def everything(request: Asked, statement: str, *values: object) -> list[Any]:
    """Of everybody's rows: as if there were no row security."""
    return [row[0] for row in await rows(request.app.state.superuser, statement, *values)]


class Faults(Controller):
    path = "/faults"

    @get("/leaks/{item_id:uuid}")
    async def leaks(self, request: Asked, conn: NamedDependency[Conn], item_id: FromPath[UUID]) -> list[str]:
        await users.find_me(conn)
        return await everything(request, "SELECT title FROM items WHERE id = %s", item_id)

    @get("/lists")
    async def lists(self, request: Asked, conn: NamedDependency[Conn]) -> list[str]:
        await users.find_me(conn)
        return await everything(request, "SELECT id::text FROM items")

    @get("/whispers/{item_id:uuid}")
    async def whispers(self, request: Asked, conn: NamedDependency[Conn], item_id: FromPath[UUID]) -> str:
        item = await items.find(conn, item_id)
        whose = await everything(request, "SELECT owner_id::text FROM items WHERE id = %s", item_id)
        if item is None:
            raise NotFound(headers={"x-owner": "".join(whose)})
        return "here"

    @delete("/deletes/{item_id:uuid}")
    async def deletes(self, request: Asked, conn: NamedDependency[Conn], item_id: FromPath[UUID]) -> None:
        item = await items.find(conn, item_id)
        await everything(request, "DELETE FROM items WHERE id = %s RETURNING id", item_id)
        found(item)

    @post("/touches")
    async def touches(self, request: Asked, conn: NamedDependency[Conn]) -> None:
        await users.find_me(conn)
        await everything(request, "UPDATE items SET title = title || '!' RETURNING id")

    @post("/gives")
    async def gives(self, request: Asked, conn: NamedDependency[Conn]) -> None:
        await users.find_me(conn)
        await everything(request, "INSERT INTO items (owner_id, title) SELECT id, 'x' FROM users RETURNING id")

    @get("/opens", exclude_from_auth=True)
    async def opens(self) -> str:
        return "open"

    @get("/forgets")
    async def forgets(self) -> str:
        """Asks no database, and so never learns that a session has ended."""
        return "as before"

    @get("/administers")
    async def administers(self, conn: NamedDependency[Conn]) -> str:
        await users.find_me(conn)
        return "anything"

    @patch("/hesitates")
    async def hesitates(self, request: Asked, conn: NamedDependency[Conn], data: JSONBody[NewItem]) -> str:
        """Reads the body before it knows who asks."""
        await users.find_me(conn)
        if not request.user.admin:
            raise NotAdmin
        return data.title

    @get("/takes")
    async def takes(self, conn: NamedDependency[Conn], owner_id: Search = None) -> str:
        await users.find_me(conn)
        return "something"

    @get("/searches")
    async def searches(self, request: Asked, conn: NamedDependency[Conn], q: Search = None) -> list[str]:
        await users.find_me(conn)
        return await everything(request, "SELECT owner_id::text FROM items WHERE id::text = %s", q)

    @post("/accepts")
    async def accepts(self, conn: NamedDependency[Conn], data: JSONBody[Owned]) -> str:
        await users.find_me(conn)
        return data.title

    @post("/refers")
    async def refers(self, conn: NamedDependency[Conn], data: JSONBody[Referring]) -> str:
        """To whatever there is, as a foreign key without the owner in it: row security does not hold those."""
        await users.find_me(conn)
        return data.title

    @post("/repeats")
    async def repeats(
        self,
        request: Asked,
        conn: NamedDependency[Conn],
        data: JSONBody[NewItem],
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        added = (await items.add(conn, data.title, data.description)).row
        return request.app.state.setdefault(f"answer-{idempotency_key}", added) if idempotency_key else added

    @patch("/compares/{item_id:uuid}")
    async def compares(
        self,
        request: Asked,
        conn: NamedDependency[Conn],
        item_id: FromPath[UUID],
        data: JSONBody[NewItem],
        if_match: IfMatch = None,
    ) -> str:
        """Says of somebody else's whether its state is the one that was named."""
        item = await items.find(conn, item_id)
        if if_match and await everything(request, "SELECT id FROM items WHERE id = %s", item_id):
            raise PreconditionFailed
        return found(item).row.title

    @get("/confuses/{item_id:uuid}")
    async def confuses(self, request: Asked, conn: NamedDependency[Conn], item_id: FromPath[UUID]) -> str:
        """Takes any id but that of somebody else's item."""
        item = await items.find(conn, item_id)
        if item is None and await everything(request, "SELECT id FROM items WHERE id = %s", item_id):
            raise NotFound
        return "here"

    @get("/walks")
    async def walks(
        self, request: Asked, conn: NamedDependency[Conn], limit: Limit = 20, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Whose list it is stands in the cursor."""
        me = await users.find_me(conn)
        owner = cursor or str(found(me).id)
        theirs = await everything(
            request, "SELECT id::text FROM items WHERE owner_id::text = %s LIMIT %s", owner, limit
        )
        return {"items": theirs, "next_cursor": owner}

    @post("/walks")
    async def steps(self, conn: NamedDependency[Conn], data: JSONBody[NewItem]) -> None:
        await items.add(conn, data.title, data.description)


class Fault(NamedTuple):
    """What has to be said of it: where it shows, and how."""

    line: Route
    noticed: str


USER: Final = Route("user", 1)
WITH_BODY: Final = Route("user", 1, ITEM)
FAULTS: Final = {
    "GET /faults/leaks/{item_id}": Fault(USER, "as other, for what is the owner's: 200"),
    "GET /faults/lists": Fault(USER, "as other, .*shows"),
    "GET /faults/whispers/{item_id}": Fault(USER, "as other, for what is the owner's shows"),
    "DELETE /faults/deletes/{item_id}": Fault(USER, "as other, for what is the owner's changed"),
    "POST /faults/touches": Fault(USER, "as other, for what is the owner's changed"),
    "POST /faults/gives": Fault(USER, "as other, for what is the owner's changed"),
    "GET /faults/opens": Fault(USER, "as no token, for what is the owner's: 200"),
    "GET /faults/forgets": Fault(USER, "as an ended session, for what is the owner's: 200"),
    "GET /faults/administers": Fault(Route("admin", 1), "as other, for what is the owner's: 200"),
    "PATCH /faults/hesitates": Fault(Route("admin", 1, ITEM), "as other, with nonsense: 422"),
    "GET /faults/takes": Fault(USER, "as other, owner_id in the query: 200"),
    "GET /faults/searches": Fault(USER, "as other, the owner's item_id in q shows"),
    "POST /faults/accepts": Fault(WITH_BODY, "as other, owner_id in the body: 201"),
    "POST /faults/refers": Fault(WITH_BODY, "as other, the owner's item_id in the body: 201"),
    "POST /faults/repeats": Fault(WITH_BODY, "as other, the owner's Idempotency-Key shows"),
    "PATCH /faults/compares/{item_id}": Fault(WITH_BODY, r"as other, \* in If-Match: 412"),
    "GET /faults/confuses/{item_id}": Fault(USER, "as other, for the owner's [a-z]+_id: 200"),
    "GET /faults/walks": Fault(USER, "as other, the owner's cursor shows"),
}
