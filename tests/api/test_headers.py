"""The headers that every answer has."""

from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from backend.app import at_the_edge
from backend.settings import Settings
from tests.api.asgi import asked, scope_of
from tests.api.shapes import refused
from tests.expected import ROUTES
from tests.people import Person
from tests.routes import NOBODY, routes_of


async def test_an_incoming_id_is_kept_when_it_is_a_uuid(client: httpx.AsyncClient) -> None:
    for given in (str(NOBODY), "3f2b8a4e-0c39-4b43-9d3b-0e9c5d1f7a10"):
        answer = await client.get("/health/live", headers={"x-request-id": given})
        assert answer.headers["x-request-id"] == given
        problem = refused(await client.get("/nowhere", headers={"x-request-id": given}), 404, "not_found")
        assert problem["instance"] == f"urn:uuid:{given}"
        for spelled in (given.upper(), given.replace("-", "")):
            answer = await client.get("/health/live", headers={"x-request-id": spelled})
            assert answer.headers["x-request-id"] == given


NEARLY = ["0x345678-1234-4234-8234-123456789abc", "1_345678-1234-4234-8234-123456789abc", f"urn:uuid:{NOBODY}"]


@pytest.mark.parametrize("given", ["", "7", "x" * 5000, f"{NOBODY}, {NOBODY}", f"{NOBODY}<script>", "\xff", *NEARLY])
async def test_anything_else_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    headers = [(b"x-request-id", given.encode("latin-1"))]
    answer = await client.get("/health/live", headers=headers)
    (made,) = answer.headers.get_list("x-request-id")
    assert made != given
    assert str(UUID(made)) == made


@pytest.mark.parametrize(
    ("hosts", "version", "status"),
    [
        ([b"lodestar.test"], "1.1", 200),
        ([b""], "1.0", 200),
        ([b""], "1.1", 400),
        ([], "1.0", 200),
        ([], "1.1", 400),
        ([b"lodestar.test", b"lodestar.test"], "1.1", 400),
        ([b"lodestar.test", b""], "1.1", 400),
    ],
)
async def test_a_request_of_http_1_1_names_one_host(
    app: Litestar, settings: Settings, hosts: list[bytes], version: str, status: int
) -> None:
    scope = scope_of("GET", "/health/live", {}) | {
        "headers": [(b"host", one) for one in hosts],
        "http_version": version,
    }
    answered, body = await asked(at_the_edge(app, settings), scope)
    assert (answered, body.get("code")) == (status, "bad_request" if status == 400 else None)


async def test_every_answer_has_an_id_of_its_own(client: httpx.AsyncClient) -> None:
    ids = {(await client.get("/health/live")).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.checklist(58)
async def test_every_answer_says_what_may_be_done_with_it(
    client: httpx.AsyncClient, app: Litestar, ada: Person
) -> None:
    nobodys: dict[str, str] = {}
    for route in routes_of(app):
        for person in (ada, nobodys):
            answer = await client.request(route.method, route.address, headers=person)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert UUID(answer.headers["x-request-id"])
            assert "server" not in answer.headers
            assert len(answer.headers.get_list("cache-control")) == 1
            if person and answer.is_success and not route.handler.opt.get("exclude_from_auth"):
                assert answer.headers["cache-control"] == ROUTES[route.name].cache, route.name
