"""One resource, several representations: each route in MessagePack, and an item in every media type and coding."""

import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import brotli
import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.utils import get_enum_string_value

from backend.app import at_the_edge
from backend.compression import LARGEST
from backend.contracts.login import Tokens
from backend.settings import Settings
from tests.api.acts import add_item
from tests.api.shapes import is_time, refused
from tests.expected import ROUTES
from tests.expected.shapes import JSON
from tests.people import Person
from tests.routes import Route, routes_of

MSGPACK: Final = "application/vnd.msgpack"
DECODED: Final = {None: bytes, "gzip": gzip.decompress, "br": brotli.decompress}
# Of somebody who is new, or of the moment.
OF_THE_REQUEST: Final = {"id", "email", "created_at", "updated_at", "access_token", "refresh_token"}


def is_json(route: Route) -> bool:
    return get_enum_string_value(route.handler.media_type or "application/json") == "application/json"


def compared(value: Any, left_out: set[str]) -> Any:
    """What two answers to a write have in common: of what belongs to one of them, the type."""
    match value:
        case dict():
            return {name: type(one) if name in left_out else compared(one, left_out) for name, one in value.items()}
        case list():
            return [compared(one, left_out) for one in value]
    return value


def differing(one: Any = None, other: Any = None) -> set[str]:
    """The names of the fields in which two bodies differ, for they may have to."""
    match one, other:
        case dict(), dict():
            return {name for name, value in one.items() if other[name] != value}
        case list(), list():
            return set().union(*(differing(*pair) for pair in zip(one, other, strict=True)))
    return set()


@pytest.mark.parametrize("name", ROUTES)
async def test_a_route_answers_in_messagepack_what_it_answers_in_json(
    name: str, app: Litestar, client: httpx.AsyncClient, asked: Callable[[str], dict[str, Any]]
) -> None:
    (route,) = (one for one in routes_of(app) if one.name == name)
    if not is_json(route):
        pytest.skip("is a page, a file or a stream")

    sent: list[Any] = []

    async def answer(media: str) -> httpx.Response:
        given = asked(name)
        given["headers"] |= {"accept": media}
        if "content" in given and ROUTES[name].media == JSON:
            sent.append(body := msgspec.json.decode(given["content"]))
            given["content"] = (msgspec.msgpack if media == MSGPACK else msgspec.json).encode(body)
            given["headers"] |= {"content-type": media}
        found = await client.request(given.pop("method"), given.pop("path"), **given)
        assert found.is_success, found.text
        return found

    packed = await answer(MSGPACK)
    if route.handler.status_code == 204:
        assert (packed.status_code, packed.content) == (204, b"")
        return
    plain = await answer(JSON)
    assert packed.headers["content-type"] == MSGPACK
    assert plain.headers["content-type"] == "application/json"
    assert packed.status_code == plain.status_code == route.handler.status_code
    left_out = OF_THE_REQUEST | differing(*sent) if route.method != "GET" else set()
    unpacked, parsed = msgspec.msgpack.decode(packed.content), plain.json()
    assert compared(unpacked, left_out) == compared(parsed, left_out)
    assert list(unpacked) == list(parsed)  # In the same order, too.


async def test_every_problem_is_json_whatever_is_accepted(
    client: httpx.AsyncClient, app: Litestar, ada: Person, admin: Person
) -> None:
    wanted = {"accept": f"{MSGPACK}, application/json;q=0.1", "content-type": MSGPACK}
    for route in routes_of(app):
        if not is_json(route) or "reads" in route.handler.opt:
            continue
        takes_body = route.handler.parsed_data_field is not None
        if not route.handler.opt.get("exclude_from_auth"):
            answer = await client.request(route.method, route.address, headers=wanted)
            refused(answer, 401, "not_authenticated")
        person = admin if ROUTES[route.name].who == "admin" else ada
        path = f"{route.address}?colour=red"
        answer = await client.request(route.method, path, headers=person | wanted, content=b"\xc1")
        refused(answer, *((400, "malformed_msgpack") if takes_body else (422, "validation_failed")))
    refused(await client.get("/nowhere", headers=wanted), 404, "not_found")
    refused(await client.put("/v1/items", headers=wanted), 405, "method_not_allowed")


async def test_times_and_ids_are_the_same_text_in_both(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add_item(client, ada)
    answer = await client.get(f"/v1/items/{item['id']}", headers=ada | {"accept": MSGPACK})
    unpacked = msgspec.msgpack.decode(answer.content)
    assert unpacked == item
    assert is_time(unpacked["created_at"])


@pytest.fixture
async def bare(app: Litestar, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client that asks for nothing by itself."""
    transport = httpx.ASGITransport(at_the_edge(app, settings))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://lodestar.test") as opened:
        del opened.headers["accept-encoding"], opened.headers["accept"]
        yield opened


async def whole(client: httpx.AsyncClient, path: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """An answer, and its body as it was sent."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.stream("GET", path, headers=named) as answer:
        return answer, b"".join([piece async for piece in answer.aiter_raw()])


REPRESENTATIONS: Final = {
    "7": {},
    "7-gzip": {"accept_encoding": "gzip"},
    "7-br": {"accept_encoding": "gzip, br"},
    "7-msgpack": {"accept": MSGPACK},
    "7-msgpack-gzip": {"accept": MSGPACK, "accept_encoding": "gzip, br;q=0"},
    "7-msgpack-br": {"accept": MSGPACK, "accept_encoding": "br"},
}


@pytest.mark.parametrize("like", REPRESENTATIONS)
async def test_each_representation_has_a_tag_that_only_finds_itself_or_another_coding(
    bare: httpx.AsyncClient, client: httpx.AsyncClient, ada: Person, like: str
) -> None:
    item = await add_item(client, ada, description="x" * 1500)
    path, wanted = f"/v1/items/{item['id']}", ada | REPRESENTATIONS[like]
    answer, body = await whole(bare, path, **wanted)
    tag = answer.headers["etag"]
    assert tag == f'"{like.replace("7", tag.strip('"').partition("-")[0])}"'
    decoded = DECODED[answer.headers.get("content-encoding")](body)
    assert (msgspec.msgpack if "msgpack" in like else msgspec.json).decode(decoded) == item
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["vary"] == "Authorization, Accept, Accept-Encoding"

    again, body = await whole(bare, path, if_none_match=tag, **wanted)
    assert (again.status_code, again.headers["etag"], body) == (304, tag, b"")
    assert again.headers["vary"] == "Authorization, Accept, Accept-Encoding"
    other = {"accept": "application/json" if "msgpack" in like else MSGPACK}
    assert (await whole(bare, path, if_none_match=tag, **wanted | other))[0].status_code == 200

    changed = await bare.patch(path, json={"title": "New"}, headers=ada | {"if-match": tag})
    assert changed.status_code == 200
    assert (await bare.patch(path, json={"title": "Newer"}, headers=ada | {"if-match": tag})).status_code == 412
    assert (await whole(bare, path, if_none_match=tag, **wanted))[0].status_code == 200


async def test_codings_decode_to_identical_bytes(
    bare: httpx.AsyncClient, client: httpx.AsyncClient, ada: Person
) -> None:
    for number in range(12):
        await add_item(client, ada, f"Lens {number}", description="Polished on both sides.")
    for path in ("/v1/items?limit=100", "/openapi.json", "/problems"):
        _, plain = await whole(bare, path, **ada)
        if len(plain) > LARGEST:  # As the document is, once there are many routes.
            continue
        for coding in ("gzip", "br"):
            answer, body = await whole(bare, path, accept_encoding=coding, **ada)
            assert answer.headers["content-encoding"] == coding
            assert DECODED[coding](body) == plain
            assert len(body) < len(plain) / 2


async def test_every_route_says_what_its_answer_was_chosen_by(
    client: httpx.AsyncClient, app: Litestar, ada: Person
) -> None:
    """Whether or not anything was asked for: what a cache keeps is for those who ask differently, too."""
    for route in routes_of(app):
        if route.method == "GET" and "{" not in route.path and route.path != "/v1/users":
            for coding in ("identity", "br"):
                answer = await client.get(route.address, headers=ada | {"accept-encoding": coding})
                assert answer.status_code == 200
                vary = [one.strip() for one in answer.headers["vary"].split(",") if one != "Authorization"]
                assert vary == ["Accept"] * is_json(route) + ["Accept-Encoding"], route.name


def test_no_answer_with_tokens_is_ever_compressed(app: Litestar) -> None:
    """Also not those of a route that is added later (BREACH)."""
    returned = [(one.handler, one.handler.parsed_fn_signature.return_type.annotation) for one in routes_of(app)]
    with_tokens = [handler for handler, kind in returned if kind is Tokens]
    assert len(with_tokens) == 2
    assert all(handler.opt.get("exclude_from_compression") for handler in with_tokens)
