"""Items: the resource that every later one copies."""

from typing import Any, Final

from tests.expected.shapes import NDJSON, Grants, Route, Way, made

ITEM: Final[Any] = {"title": "A lens"}
CACHE: Final = "private, no-cache"

ROUTES: Final = {
    "GET /v1/items": Route("user", 1, cache=CACHE),
    "POST /v1/items": Route("user", 1, ITEM, cache=CACHE),
    "POST /v1/items/batch": Route("user", 1, [ITEM, {"title": "A mirror"}], cache=CACHE),
    # Streams are transactions: one statement between BEGIN and COMMIT.
    "POST /v1/items/import": Route("user", 3, b'{"title":"A lens"}', media=NDJSON, cache=CACHE),
    "GET /v1/items/export": Route("user", 3, cache=CACHE),
    "GET /v1/items/{item_id}": Route("user", 1, cache=CACHE),
    "PATCH /v1/items/{item_id}": Route("user", 1, {"title": "A better lens"}, cache=CACHE),
    "DELETE /v1/items/{item_id}": Route("user", 1, cache=CACHE),
}

GRANTS: Final = {
    "items": Grants(
        inserts=frozenset({"title", "description"}), updates=frozenset({"title", "description"}), deletes=True
    )
}

IDS: Final[dict[str, Way]] = {"item_id": made("/v1/items", ITEM)}
