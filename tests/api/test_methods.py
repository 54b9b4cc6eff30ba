"""Methods: those that an address has, HEAD wherever there is GET, and OPTIONS."""

import httpx
import pytest
from litestar import Litestar

from tests.api.shapes import refused
from tests.people import Person
from tests.routes import NOBODY, Route, routes_of

ITEM = b'{"title":"A lens"}'
JSON = {"content-type": "application/json"}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "PROPFIND"}


def methods_by_path(app: Litestar) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for route in routes_of(app):
        found.setdefault(route.address, {"OPTIONS"}).update({route.method} | ({"HEAD"} & {_with_head(route)}))
    return found


def _with_head(route: Route) -> str:
    return "HEAD" if route.method == "GET" else ""


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


@pytest.mark.checklist(67)
async def test_head_is_get_without_the_body_everywhere(
    client: httpx.AsyncClient, app: Litestar, someone: Person, admin: Person
) -> None:
    item = (await client.post("/v1/items", content=ITEM, headers=someone | JSON)).headers["location"]
    same = {"x-request-id": str(NOBODY)}
    paths = [route.address for route in routes_of(app) if route.method == "GET"]
    for path in [*paths, item, "/v1/items?limit=1", "/v1/items?limit=0", "/v1/items?cursor=x", "/nowhere"]:
        for person in (someone, admin, {}):
            got = await client.get(path, headers=person | same)
            head = await client.head(path, headers=person | same)
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert head.headers.multi_items() == got.headers.multi_items(), path
            assert int(head.headers["content-length"]) == len(got.content)


@pytest.mark.checklist(65)
async def test_head_needs_a_token_where_get_does(client: httpx.AsyncClient, app: Litestar) -> None:
    for route in routes_of(app):
        if route.method == "GET":
            answer = await client.head(route.address)
            assert (answer.status_code == 401) != bool(route.handler.opt.get("exclude_from_auth")), route.path
