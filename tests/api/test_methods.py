"""Methods: those that an address has, HEAD wherever there is GET, and OPTIONS."""

from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.types import ASGIApp

from backend.app import at_the_edge
from backend.settings import Settings
from tests.api.acts import add_item
from tests.api.shapes import refused
from tests.people import Person
from tests.routes import NOBODY, routes_of

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "PROPFIND"}


def methods_by_path(app: Litestar) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for route in routes_of(app):
        own = {route.method, "HEAD"} if route.method == "GET" else {route.method}
        found.setdefault(route.address, {"OPTIONS"}).update(own)
    return found


@pytest.mark.checklist(52)
async def test_a_method_that_an_address_lacks_is_405_with_those_that_it_has(
    client: httpx.AsyncClient, app: Litestar
) -> None:
    for path, methods in methods_by_path(app).items():
        for method in METHODS - methods:
            answer = await client.request(method, path)
            assert answer.status_code == 405, (method, path)
            assert set(answer.headers["allow"].split(", ")) == methods
            if method != "HEAD":
                refused(answer, 405, "method_not_allowed")


async def test_options_says_the_same_and_needs_no_token(client: httpx.AsyncClient, app: Litestar) -> None:
    for path, methods in methods_by_path(app).items():
        answer = await client.options(path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert set(answer.headers["allow"].split(", ")) == methods, path
    refused(await client.options("/nowhere"), 404, "not_found")


NOBODYS: dict[str, str] = {}


class Bodies:
    """Stands between the application and the client, which leaves out what a server sends after a HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.length = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.length = 0

        async def measured(message: Any) -> None:
            if message["type"] == "http.response.body":
                self.length += len(message["body"])
            await send(message)

        await self._app(scope, receive, measured)


@pytest.mark.checklist(67)
async def test_head_is_get_without_the_body_everywhere(
    app: Litestar, settings: Settings, someone: Person, admin: Person
) -> None:
    bodies = Bodies(at_the_edge(app, settings))
    paths = [route.address for route in routes_of(app) if route.method == "GET"]
    same = {"x-request-id": str(NOBODY)}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(bodies), base_url="http://lodestar.test") as client:
        item = await add_item(client, someone)
        paths += [f"/v1/items/{item['id']}", "/v1/items?limit=1", "/v1/items?limit=0", "/v1/items?cursor=x", "/nowhere"]
        for path in paths:
            for person in (someone, admin, NOBODYS):
                got = await client.get(path, headers=person | same)
                length = bodies.length
                head = await client.head(path, headers=person | same)
                assert (head.status_code, bodies.length) == (got.status_code, 0), path
                assert head.headers.multi_items() == got.headers.multi_items(), path
                if path != "/v1/items/export":  # A stream that has begun does not know how long it will be.
                    assert int(head.headers["content-length"]) == length


@pytest.mark.checklist(65)
async def test_head_needs_a_token_where_get_does(client: httpx.AsyncClient, app: Litestar) -> None:
    for route in routes_of(app):
        if route.method == "GET":
            answer = await client.head(route.address)
            assert (answer.status_code == 401) != bool(route.handler.opt.get("exclude_from_auth")), route.path
