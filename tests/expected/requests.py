"""The requests of every route, made so that they succeed."""

from typing import Any

import httpx
import msgspec

from tests.expected import IDS, ROUTES
from tests.expected.shapes import JSON
from tests.people import Person
from tests.routes import Route


async def ids_of(client: httpx.AsyncClient, owner: Person, path: str) -> dict[str, str]:
    """For each parameter of the path, something that is the owner's."""
    return {name: await way(client, owner) for name, way in IDS.items() if f"{{{name}}}" in path}


def request_of(route: Route, asks: Person, ids: dict[str, str]) -> dict[str, Any]:
    """The arguments of `client.request`."""
    line = ROUTES[route.name]
    request: dict[str, Any] = {"method": route.method, "url": route.path.format(**ids), "headers": {**asks}}
    body = line.body_for(asks)
    if body is not None:
        request["content"] = msgspec.json.encode(body) if line.media == JSON else body
        request["headers"]["content-type"] = line.media
    return request
