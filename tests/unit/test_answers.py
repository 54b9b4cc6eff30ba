"""What a handler returns becomes two messages: status, headers and body as they should be."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import msgspec
import pytest
from litestar import Litestar, delete, get, post
from litestar.datastructures import ResponseHeader
from msgspec import Struct

from backend.answers import Answer
from backend.edge import Edge
from backend.faults import EXCEPTION_HANDLERS
from backend.settings import Settings


class Lens(Struct, frozen=True):
    title: str
    power: int | None


LENS = Lens("Grüße", None)


@get("/struct")
async def struct() -> Lens:
    return LENS


@get("/list")
async def several() -> list[Lens]:
    return [LENS, LENS]


@get("/bytes", media_type="text/css")
async def ready() -> bytes:
    return b"\x00\xffready"


@get("/empty")
async def empty() -> Answer[bytes]:
    return Answer(b"")


@delete("/none")
async def none() -> None:
    return None


@delete("/none-with-headers", response_headers=[ResponseHeader(name="X-Handler", value="1")])
async def none_with_headers() -> Answer[None]:
    return Answer(None, headers={"X-Own": "2"})


@post("/made")
async def made() -> Answer[Lens]:
    return Answer(LENS, headers={"Location": "/lenses/1"})


@get(
    "/merged",
    response_headers=[
        ResponseHeader(name="Cache-Control", value="private, no-cache"),
        ResponseHeader(name="Vary", value="Authorization"),
    ],
)
async def merged() -> Answer[Lens]:
    return Answer(LENS, headers={"Cache-Control": "max-age=1", "Link": "<x>"}, status_code=203, media_type="text/lens")


@get("/cases", response_headers=[ResponseHeader(name="Cache-Control", value="private, no-cache")])
async def cases() -> Answer[Lens]:
    return Answer(LENS, headers={"cache-control": "max-age=1"})


@get("/unencodable")
async def unencodable() -> Answer[Any]:
    return Answer({"thing": object()})


@get("/unsayable")
async def unsayable() -> Answer[Lens]:
    return Answer(LENS, headers={"X-Name": "你好"})


ROUTES = [struct, several, ready, empty, none, none_with_headers, made, merged, cases, unencodable, unsayable]


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    handlers = cast("dict[Any, Any]", EXCEPTION_HANDLERS)
    app = Litestar(ROUTES, response_class=Answer, exception_handlers=handlers, openapi_config=None, logging_config=None)
    transport = httpx.ASGITransport(Edge(app, settings, lambda: False))  # type: ignore[arg-type]  # Litestar's types, and httpx's.
    async with httpx.AsyncClient(transport=transport, base_url="http://lodestar.test") as opened:
        yield opened


def names(answer: httpx.Response) -> list[str]:
    return [name.decode() for name, _ in answer.headers.raw]


async def test_a_struct_is_json(client: httpx.AsyncClient) -> None:
    answer = await client.get("/struct")
    assert (answer.status_code, answer.content) == (200, msgspec.json.encode(LENS))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert (await client.get("/list")).content == msgspec.json.encode([LENS, LENS])


async def test_bytes_are_sent_as_they_are(client: httpx.AsyncClient) -> None:
    answer = await client.get("/bytes")
    assert answer.content == b"\x00\xffready"
    assert answer.headers["content-type"].partition(";")[0] == "text/css"
    assert answer.headers["content-length"] == "7"
    answer = await client.get("/empty")
    assert (answer.content, answer.headers["content-length"]) == (b"", "0")


@pytest.mark.parametrize("path", ["/none", "/none-with-headers"])
async def test_nothing_is_204_and_has_neither_length_nor_type(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert {"content-length", "content-type"}.isdisjoint(answer.headers)
    if "headers" in path:
        assert (answer.headers["x-handler"], answer.headers["x-own"]) == ("1", "2")


async def test_an_answer_has_the_status_of_its_handler(client: httpx.AsyncClient) -> None:
    answer = await client.post("/made")
    assert (answer.status_code, answer.headers["location"]) == (201, "/lenses/1")


async def test_what_the_answer_says_wins_over_what_the_handler_says(client: httpx.AsyncClient) -> None:
    answer = await client.get("/merged")
    assert answer.status_code == 203
    assert answer.headers.get_list("cache-control") == ["max-age=1"]
    assert answer.headers["content-type"] == "text/lens"
    assert (answer.headers["vary"], answer.headers["link"]) == ("Authorization", "<x>")


async def test_it_wins_in_whatever_case_a_header_is_written(client: httpx.AsyncClient) -> None:
    answer = await client.get("/cases")
    assert answer.headers.get_list("cache-control") == ["max-age=1"]


@pytest.mark.parametrize("path", ["/struct", "/merged", "/unencodable"])
async def test_the_names_of_headers_are_lower_case_and_each_is_there_once(path: str, client: httpx.AsyncClient) -> None:
    found = names(await client.get(path))
    assert found == [name.lower() for name in found]
    assert len(found) == len(set(found))


async def test_head_has_the_headers_of_get_and_no_body(client: httpx.AsyncClient) -> None:
    whole, head = await client.get("/struct"), await client.head("/struct")
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**whole.headers, "x-request-id": ""}


@pytest.mark.parametrize("path", ["/unencodable", "/unsayable"])
async def test_what_cannot_be_said_is_a_fault_and_a_problem(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-length"] == str(len(answer.content))
