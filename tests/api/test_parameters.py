"""Query parameters: known, given once, in range, or named as they were sent."""

import httpx
import pytest
from litestar import Litestar

from backend.app import at_the_edge
from backend.settings import Settings
from tests.api.asgi import asked, scope_of
from tests.api.shapes import bad_fields, refused
from tests.people import Person


@pytest.mark.checklist(67)
async def test_bad_parameters_do_not_make_a_large_answer_either(client: httpx.AsyncClient, someone: Person) -> None:
    many = "&".join(f"{n:04}%F0%9F%98%80%00%22=x" for n in range(1000))
    assert bad_fields(await client.get(f"/v1/items?{many}", headers=someone))
    for long in ("scope=" + "x" * 9000, "scope=" + "%00" * 9000, "scope=x&" + "y" * 9000 + "=1"):
        assert "scope" in bad_fields(await client.post(f"/v1/logout?{long}", headers=someone))


async def test_every_bad_parameter_is_named(client: httpx.AsyncClient, someone: Person) -> None:
    answer = await client.get("/v1/items?limit=0&colour=red&limit=x&size=&cursor=a&cursor=b", headers=someone)
    named = refused(answer, 422, "validation_failed")["errors"]
    assert {(error["parameter"], error["code"]) for error in named} >= {
        ("colour", "unknown_parameter"),
        ("size", "unknown_parameter"),
        ("limit", "repeated_parameter"),
        ("cursor", "repeated_parameter"),
    }


async def test_a_parameter_is_named_as_it_was_sent(client: httpx.AsyncClient, someone: Person) -> None:
    assert list(bad_fields(await client.post("/v1/logout?scope=all", headers=someone))) == ["scope"]
    assert set(bad_fields(await client.post("/v1/logout?scope=all&x=1", headers=someone))) == {"scope", "x"}


@pytest.mark.parametrize("sent", ["é", "%c3%a9", "%C3é"], ids=["as it is", "percent-encoded", "half of it"])
async def test_a_query_is_utf8_however_it_is_encoded(
    client: httpx.AsyncClient, app: Litestar, settings: Settings, someone: Person, sent: str
) -> None:
    await client.post("/v1/items", json={"title": "café"}, headers=someone)
    scope = scope_of("GET", "/v1/items", someone) | {"query_string": b"q=caf" + sent.encode()}
    status, body = await asked(at_the_edge(app, settings), scope)
    if sent == "%C3é":
        assert (status, body["errors"][0]["parameter"], body["errors"][0]["code"]) == (422, "q", "invalid")
    else:
        assert (status, {item["title"] for item in body["items"]}) == (200, {"café"})


@pytest.mark.parametrize("query", [b"q=\xff", b"q=%ff", b"q=%ed%a0%80", b"%ff=x", b"\xff=x"])
async def test_what_is_no_utf8_is_named_as_far_as_it_can_be(
    app: Litestar, settings: Settings, someone: Person, query: bytes
) -> None:
    scope = scope_of("GET", "/v1/items", someone) | {"query_string": query}
    status, body = await asked(at_the_edge(app, settings), scope)
    (error,) = body["errors"]
    expected = ("q", "invalid") if query.startswith(b"q") else ("?", "unknown_parameter")
    assert (status, error["parameter"], error["code"]) == (422, *expected)


@pytest.mark.parametrize("path", ["/v1/users/me", "/v1/sessions", "/health/live", "/.well-known/jwks.json"])
async def test_a_route_without_parameters_takes_none(client: httpx.AsyncClient, someone: Person, path: str) -> None:
    assert bad_fields(await client.get(f"{path}?limit=1", headers=someone)) == {"limit": "unknown_parameter"}


async def test_bad_parameters_and_bad_fields_are_named_together(client: httpx.AsyncClient, someone: Person) -> None:
    answer = await client.post("/v1/items?draft=1", json={"title": ""}, headers=someone)
    assert bad_fields(answer) == {"draft": "unknown_parameter", "/title": "out_of_range"}
    answer = await client.post("/v1/items?draft=1", json={"title": "x"}, headers=someone)
    assert bad_fields(answer) == {"draft": "unknown_parameter"}
