"""What is sent: read whole, or refused with every field that is not as it should be."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar import Litestar

from backend.app import at_the_edge
from backend.settings import Settings
from tests.api.shapes import bad_fields, refused
from tests.people import PASSWORD, Person, new_email
from tests.routes import routes_of

JSON = {"content-type": "application/json"}


async def post(client: httpx.AsyncClient, person: Person, content: bytes) -> httpx.Response:
    return await client.post("/v1/items", content=content, headers=person | JSON)


@pytest.mark.checklist(51, 61)
@pytest.mark.parametrize(
    "content",
    {
        "nothing": b"",
        "blanks": b" \n",
        "cut off": b'{"title":"A lens"',
        "cut off in a text": b'{"title":"A le',
        "more after it": b'{"title":"A lens"} {}',
        "no JSON": b"title=A+lens",
        "single quotes": b"{'title':'A lens'}",
        "a comma too many": b'{"title":"A lens",}',
        "a comment": b'{"title":"A lens"} // mine',
        "invalid UTF-8": b'{"title":"\xff\xfe"}',
        "overlong UTF-8": b'{"title":"\xc0\xaf"}',
        "a surrogate in UTF-8": b'{"title":"\xed\xa0\x80"}',
        "invalid UTF-8 in a name": b'{"title":"x","\xff":1}',
        "UTF-16": '{"title":"A lens"}'.encode("utf-16"),
        "a byte order mark": b'\xef\xbb\xbf{"title":"A lens"}',
        "a control character": b'{"title":"A\nlens"}',
        "a lone surrogate": rb'{"title":"\ud800"}',
        "surrogates the wrong way round": rb'{"title":"\udc00\ud800"}',
        "an unknown escape": rb'{"title":"\x41"}',
        "NaN": b'{"title":NaN}',
        "Infinity": b'{"title":-Infinity}',
        "a number beyond all bounds": b'{"title":1e400}',
        "NaN behind a bad field": b'{"title":7,"description":NaN}',
        "200,000 nestings": b"[" * 200_000,
        "200,000 closed nestings": b"[" * 200_000 + b"]" * 200_000,
        "200,000 nestings in a field": b'{"title":' + b"[" * 200_000,
        "150,000 nestings in an unknown field": b'{"x":' * 150_000 + b"1" + b"}" * 150_000,
    }.items(),
    ids=lambda case: case[0],
)
async def test_what_is_no_json_is_malformed(
    client: httpx.AsyncClient, someone: Person, content: tuple[str, bytes]
) -> None:
    refused(await post(client, someone, content[1]), 400, "malformed_json")


@pytest.mark.parametrize("content", [b"[]", b'[{"title":"x"}]', b"7", b'"title"', b"null", b"true", b"1e5"])
async def test_what_is_no_object_is_refused_as_a_whole(
    client: httpx.AsyncClient, someone: Person, content: bytes
) -> None:
    assert bad_fields(await post(client, someone, content)) == {"": "invalid"}


@pytest.mark.checklist(62, 63)
async def test_every_bad_field_is_named(client: httpx.AsyncClient, someone: Person) -> None:
    answer = await post(client, someone, b'{"description":7,"colour":"red","size":null}')
    assert bad_fields(answer) == {
        "/title": "missing",
        "/description": "invalid",
        "/colour": "unknown_field",
        "/size": "unknown_field",
    }
    messages = {error["pointer"]: error["message"] for error in answer.json()["errors"]}
    assert messages["/description"] == "Expected `str | null`, got `int`"
    assert messages["/title"] == "This field is required."


@pytest.mark.parametrize("value", ["7", "1.5", "true", "[]", "{}", "9" * 400])
async def test_a_value_of_the_wrong_type_is_named(client: httpx.AsyncClient, someone: Person, value: str) -> None:
    answer = await post(client, someone, b'{"title":%b,"description":[]}' % value.encode())
    assert bad_fields(answer) == {"/title": "invalid", "/description": "invalid"}


@pytest.mark.checklist(51)
async def test_nul_is_refused_in_every_text(client: httpx.AsyncClient, someone: Person) -> None:
    nul = {"title": "A\0lens", "description": "\0"}
    answer = await client.post("/v1/items", json=nul, headers=someone)
    assert bad_fields(answer) == {"/title": "invalid", "/description": "invalid"}
    nul = {"email": new_email().replace("@", "\0@"), "password": f"{PASSWORD}\0", "full_name": "A\0"}
    answer = await client.post("/v1/users", json=nul)
    assert bad_fields(answer) == {"/email": "invalid", "/password": "invalid", "/full_name": "invalid"}
    nul = {"email": new_email() + "\0", "password": f"{PASSWORD}\0", "device_name": "\0"}
    answer = await client.post("/v1/login", json=nul)
    assert bad_fields(answer) == {"/email": "invalid", "/password": "invalid", "/device_name": "invalid"}
    answer = await client.patch("/v1/users/me", json={"full_name": "A\0"}, headers=someone)
    assert bad_fields(answer) == {"/full_name": "invalid"}


@pytest.mark.checklist(51)
async def test_of_a_field_that_is_given_twice_the_last_counts(client: httpx.AsyncClient, ada: Person) -> None:
    for first in (b'"First"', b"7", b"null", b'"\\u0000"', b'""'):
        answer = await post(client, ada, b'{"title":%b,"title":"Last"}' % first)
        assert (answer.status_code, answer.json()["title"]) == (201, "Last")
    assert bad_fields(await post(client, ada, b'{"title":"First","title":7}')) == {"/title": "invalid"}


async def test_a_pointer_is_escaped(client: httpx.AsyncClient, someone: Person) -> None:
    named = bad_fields(await client.post("/v1/items", json={"title": "x", "a/b~c": 1, "": 2}, headers=someone))
    assert named == {"/a~1b~0c": "unknown_field", "/": "unknown_field"}


@pytest.mark.checklist(67)
@pytest.mark.parametrize("name", ["colour", "\0", "\N{GRINNING FACE}", '"', "~", "x" * 1000, "\N{SNOWMAN}" * 90])
async def test_a_thousand_unknown_fields_do_not_make_a_large_answer(
    client: httpx.AsyncClient, someone: Person, name: str
) -> None:
    fields: dict[str, object] = {f"{n:04}{name}": n for n in range(1000)}
    answer = await client.post("/v1/items", json=fields, headers=someone)
    assert len(bad_fields(answer)) >= 8
    fields = {f"{n:02}" + "\0" * 90: n for n in range(100)}
    assert bad_fields(await client.post("/v1/items", json=fields, headers=someone))


async def test_a_client_who_goes_before_the_body_is_whole_is_no_fault_of_ours(
    app: Litestar, settings: Settings, ada: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    messages: list[Any] = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b'{"title":', "more_body": True},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"authorization", ada["authorization"].encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/items", "query_string": b"", "headers": headers}
    await at_the_edge(app, settings)(scope, receive, send)  # type: ignore[arg-type]  # A small scope.
    assert [message.get("status") for message in sent] == [400, None]
    assert "fault" not in capsys.readouterr().err


async def test_a_body_without_a_length_is_refused_when_it_has_become_too_large(
    client: httpx.AsyncClient, ada: Person
) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(64):
            read += 1
            yield b" " * 65_536

    refused(await client.post("/v1/items", content=chunks(), headers=ada | JSON), 413, "body_too_large")
    assert read < 64


@pytest.mark.checklist(51)
def test_what_anybody_may_send_is_small(app: Litestar) -> None:
    open_to_all = [
        route.handler
        for route in routes_of(app)
        if route.handler.opt.get("exclude_from_auth") and route.handler.parsed_data_field is not None
    ]
    assert len(open_to_all) == 3
    assert {one.resolve_request_max_body_size() for one in open_to_all} == {16 * 1024}


async def pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.checklist(51)
@pytest.mark.parametrize(("length", "size", "status"), [(900, 1, 201), (1_500, 1, 413), (200_000, 64, 201)])
async def test_a_body_that_comes_crumb_by_crumb_is_refused_before_it_is_whole(
    client: httpx.AsyncClient, ada: Person, length: int, size: int, status: int
) -> None:
    body = pieces(b'{"title":"Crumbs"}'.ljust(length), size)
    assert (await client.post("/v1/items", content=body, headers=ada | JSON)).status_code == status


@pytest.mark.checklist(51)
async def test_of_very_many_bad_values_the_first_is_told(client: httpx.AsyncClient, ada: Person) -> None:
    many = b"[" + b"[]," * 60_000
    answer = await client.post("/v1/items/batch", content=many + b"[]]", headers=ada | JSON)
    assert bad_fields(answer) == {"/0": "invalid"}
    for malformed in (many, many + b"x]", many + b'"\xff"]'):
        answer = await client.post("/v1/items/batch", content=malformed, headers=ada | JSON)
        refused(answer, 400, "malformed_json")
