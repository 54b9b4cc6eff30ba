"""The requests of every route, made so that they succeed."""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from tests.expected import IDS, ROUTES
from tests.expected import shapes as expected
from tests.expected.shapes import JSON
from tests.people import Person
from tests.routes import Route


async def ids_of(client: httpx.AsyncClient, owner: Person, path: str | None = None) -> dict[str, str]:
    """For each parameter of a path, or every one that there is, something that is the owner's."""
    wanted = {name: way for name, way in IDS.items() if path is None or f"{{{name}}}" in path}
    return {name: await way(client, owner) for name, way in wanted.items()}


def request_of(
    route: Route, asks: Person, ids: Mapping[str, str], line: expected.Route | None = None
) -> dict[str, Any]:
    """`method`, `path`, `headers`, and `content` where there is a body. `line` is what is expected of the route."""
    line = line or ROUTES[route.name]
    request: dict[str, Any] = {"method": route.method, "path": route.path.format(**ids), "headers": {**asks}}
    body = line.body_for(asks)
    if body is not None:
        request["content"] = msgspec.json.encode(body) if line.media == JSON else body
        request["headers"]["content-type"] = line.media
    return request
