"""Types and sizes: 415, 406 and 413 are decided before a handler runs, so nothing has been done."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.utils import get_enum_string_value

from tests.api.shapes import refused
from tests.expected import ROUTES
from tests.people import Person
from tests.routes import routes_of

ITEM = b'{"title":"A lens"}'
JSON = {"content-type": "application/json"}
LIMIT = 1024 * 1024


async def count(client: httpx.AsyncClient, person: Person) -> int:
    return len((await client.get("/v1/items?limit=100", headers=person)).json()["items"])


@pytest.mark.checklist(52)
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/msgpack",
        "application/merge-patch+json",
        "application/jsonp",
        "application/problem+json",
        "*/*",
        "text/plain; application/json",
    ],
)
async def test_a_body_of_another_type_is_415_and_nothing_is_written(
    client: httpx.AsyncClient, ada: Person, content_type: str
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await client.post("/v1/items", content=ITEM, headers=ada | headers)
    refused(answer, 415, "unsupported_media_type")
    assert await count(client, ada) == 0


async def test_a_body_is_wanted_where_there_is_a_contract_for_it(client: httpx.AsyncClient, someone: Person) -> None:
    refused(await client.post("/v1/items", headers=someone), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", " application/json ;x"]
)
async def test_a_type_is_read_in_any_case_and_with_parameters(
    client: httpx.AsyncClient, ada: Person, content_type: str
) -> None:
    headers = ada | {"content-type": content_type}
    assert (await client.post("/v1/items", content=ITEM, headers=headers)).status_code == 201


@pytest.mark.checklist(52)
@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/msgpack",
        "application/problem+json",
        "application/json;q=0",
        "application/json;q=1.5",
        "application/json;q=nan",
        "application/json;q=0, application/vnd.msgpack;q=0, */*",
        "application/*;q=0.0, */*;q=1",
        "*/*;q=0",
        "text/*",
        "application/jsonp",
    ],
)
async def test_an_answer_that_is_not_accepted_is_406_and_nothing_is_written(
    client: httpx.AsyncClient, ada: Person, accept: str
) -> None:
    headers = ada | JSON | {"accept": accept}
    refused(await client.post("/v1/items", content=ITEM, headers=headers), 406, "not_acceptable")
    assert await count(client, ada) == 0


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/*",
        "application/json",
        "Application/JSON",
        "text/html, application/json;q=0.1",
        "text/html,*/*;q=0.8",
        "application/json;charset=utf-8",
        "text/*;q=0, application/json;q=0.001",
        "*/*;q=0, application/json",
        "application/vnd.msgpack, application/json",
        "application/vnd.msgpack;q=0.5, application/json;q=0.50",
        "application/vnd.msgpack;q=0.4, application/*;q=0.5",
        "application/vnd.msgpack;q=0, */*",
    ],
)
async def test_any_way_of_accepting_json_will_do(client: httpx.AsyncClient, someone: Person, accept: str) -> None:
    answer = await client.get("/v1/users/me", headers=someone | {"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize(
    "accept",
    [
        "application/vnd.msgpack",
        "Application/VND.msgpack ; q=0.1",
        "application/json;q=0.8, application/vnd.msgpack;q=0.9",
        "application/json;q=0.8, application/*;q=0.9",
        "application/json;q=0, */*",
        "text/html, application/vnd.msgpack;q=0.001",
    ],
)
async def test_messagepack_is_answered_where_it_weighs_more(
    client: httpx.AsyncClient, someone: Person, accept: str
) -> None:
    answer = await client.get("/v1/users/me", headers=someone | {"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.msgpack")


async def test_a_page_or_a_style_sheet_is_no_messagepack(client: httpx.AsyncClient, app: Litestar) -> None:
    others = [route for route in routes_of(app) if "text/" in get_enum_string_value(route.handler.media_type)]
    assert len(others) > 4
    for route in others:
        answer = await client.get(route.address, headers={"accept": "application/vnd.msgpack"})
        refused(answer, 406, "not_acceptable")


@pytest.mark.parametrize("name", ROUTES)
async def test_a_route_has_nothing_for_whoever_accepts_none_of_its_types(
    name: str, client: httpx.AsyncClient, asked: Callable[[str], dict[str, Any]]
) -> None:
    """Also where an answer has no content, for its refusals have."""
    request = asked(name)
    request["headers"] |= {"accept": "image/png"}
    refused(await client.request(request.pop("method"), request.pop("path"), **request), 406, "not_acceptable")


async def test_several_accept_headers_are_one_list(client: httpx.AsyncClient, someone: Person) -> None:
    for pair in (("text/html", "application/json"), ("application/json", "text/html")):
        headers = [*someone.items(), *(("accept", one) for one in pair)]
        assert (await client.get("/v1/users/me", headers=headers)).status_code == 200


async def test_several_content_types_are_none(client: httpx.AsyncClient, ada: Person) -> None:
    for pair in (("text/plain", "application/json"), ("application/json", "application/json")):
        headers = [*ada.items(), *(("content-type", one) for one in pair)]
        refused(await client.post("/v1/items", content=ITEM, headers=headers), 415, "unsupported_media_type")


async def test_nothing_need_be_said_of_what_is_accepted(client: httpx.AsyncClient, someone: Person) -> None:
    del client.headers["accept"]
    assert (await client.get("/v1/users/me", headers=someone)).status_code == 200


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    """Sent without a Content-Length."""
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


@pytest.mark.checklist(51)
async def test_a_body_fits_up_to_a_mebibyte_and_is_413_above(client: httpx.AsyncClient, ada: Person) -> None:
    fitting = ITEM + b" " * (LIMIT - len(ITEM))
    for content in (fitting, chunks(fitting)):
        assert (await client.post("/v1/items", content=content, headers=ada | JSON)).status_code == 201
    for content in (fitting + b" ", chunks(fitting + b" ")):
        answer = await client.post("/v1/items", content=content, headers=ada | JSON)
        refused(answer, 413, "body_too_large")
    assert await count(client, ada) == 2


async def test_a_length_that_is_said_is_believed_before_anything_is_read(
    client: httpx.AsyncClient, someone: Person
) -> None:
    for length in (str(LIMIT + 1), "9" * 30):
        headers = someone | JSON | {"content-length": length}
        refused(await client.post("/v1/items", content=ITEM, headers=headers), 413, "body_too_large")
