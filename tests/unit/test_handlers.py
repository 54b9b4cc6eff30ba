"""How a handler gets its arguments: in one step where that can be done, and by the framework where it cannot."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from litestar import Litestar, Request
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import Scope
from msgspec import Struct

from backend.answers import Answer
from backend.body import Body
from backend.faults import EXCEPTION_HANDLERS
from backend.handlers import Handler, get, post
from backend.negotiation import before_handler
from backend.security.passwords import Passwords
from backend.security.tokens import AccessTokens
from backend.settings import Settings
from tests.api.shapes import refused
from tests.conftest import client_of
from tests.routes import routes_of

Count = Annotated[int, QueryParameter(name="n", ge=1, le=9)]


class Thing(Struct):
    name: str


class Seen(Struct):
    what: list[str]


@get("/path/{one:uuid}")
async def of_a_path(one: FromPath[UUID]) -> Seen:
    return Seen([str(one)])


@get("/query")
async def of_a_query(count: Count = 3) -> Seen:
    return Seen([str(count)])


@get("/wanted")
async def of_a_query_that_has_to_be(count: Count) -> Seen:
    return Seen([str(count)])


@post("/body")
async def of_a_body(data: JSONBody[Thing], plain: NamedDependency[str], asked: NamedDependency[str]) -> Seen:
    return Seen([data.name, plain, asked])


@get("/scope")
async def of_the_scope(verb: NamedDependency[str]) -> Seen:
    return Seen([verb])


@get("/request")
async def of_the_request(request: Request[Any, Any, Any]) -> Seen:
    return Seen([request.scope["path"]])


@get("/generated")
async def of_a_generator(generated: NamedDependency[str]) -> Seen:
    return Seen([generated])


@get("/later")
async def of_a_coroutine(later: NamedDependency[str], count: Count = 3) -> Seen:
    return Seen([later, str(count)])


@get("/deeper")
async def of_a_dependency_of_another(deeper: NamedDependency[str]) -> Seen:
    return Seen([deeper])


BOUND: Final = [of_a_path, of_a_query, of_a_body, of_the_scope, of_the_request]
LEFT: Final = [of_a_query_that_has_to_be, of_a_generator, of_a_coroutine, of_a_dependency_of_another]
closed: Final[list[str]] = []


def generated() -> Iterator[str]:
    yield "generated"
    closed.append("generated")


async def later() -> str:
    return "later"


def asked(request: Request[Any, Any, Any]) -> str:
    return request.scope["path"]


def verb(scope: Scope) -> str:
    return str(scope.get("method"))


def deeper(plain: NamedDependency[str]) -> str:
    return f"deeper than {plain}"


@pytest.fixture(scope="module")
def other() -> Litestar:
    return Litestar(
        [*BOUND, *LEFT],
        dependencies={
            "plain": Provide(lambda: "plain", sync_to_thread=False),
            "asked": Provide(asked, sync_to_thread=False),
            "verb": Provide(verb, sync_to_thread=False),
            "generated": Provide(generated),
            "later": Provide(later),
            "deeper": Provide(deeper, sync_to_thread=False),
        },
        before_request=before_handler,
        request_class=Body,
        response_class=Answer,
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=None,
        logging_config=None,
    )


@pytest.fixture
async def client(other: Litestar, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    other.state.passwords, other.state.access = Passwords(settings), AccessTokens(settings)
    async with client_of(other, settings) as client:
        yield client
    await other.state.passwords.close()


async def seen(client: httpx.AsyncClient, path: str) -> list[str]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=Seen).what


def test_every_route_of_the_api_has_its_arguments_bound(app: Litestar) -> None:
    handlers = [route.handler for route in routes_of(app)]
    assert len(handlers) > 25
    assert [str(one) for one in handlers if not (isinstance(one, Handler) and one.arguments)] == []


def test_what_only_the_framework_can_make_is_left_to_it(other: Litestar) -> None:
    handlers = {route.handler.handler_name: route.handler for route in routes_of(other)}
    bound = {name for name, handler in handlers.items() if isinstance(handler, Handler) and handler.arguments}
    assert bound == {one.handler_name for one in BOUND}


async def test_an_argument_comes_from_the_path(client: httpx.AsyncClient) -> None:
    one = uuid4()
    assert await seen(client, f"/path/{one}") == [str(one)]


async def test_an_argument_comes_from_the_query_under_the_name_that_it_has_there(client: httpx.AsyncClient) -> None:
    assert await seen(client, "/query?n=7") == ["7"]
    assert await seen(client, "/query") == ["3"]


async def test_arguments_come_from_the_body_and_from_plain_functions(client: httpx.AsyncClient) -> None:
    answer = await client.post("/body", json={"name": "A lens"})
    assert (answer.status_code, answer.json()) == (201, {"what": ["A lens", "plain", "/body"]})


async def test_an_argument_comes_from_the_scope(client: httpx.AsyncClient) -> None:
    assert await seen(client, "/scope") == ["GET"]


async def test_an_argument_is_the_request(client: httpx.AsyncClient) -> None:
    assert await seen(client, "/request") == ["/request"]


async def test_a_generator_is_closed_after_the_handler(client: httpx.AsyncClient) -> None:
    before = len(closed)
    assert await seen(client, "/generated") == ["generated"]
    assert len(closed) == before + 1


async def test_the_framework_makes_the_others(client: httpx.AsyncClient) -> None:
    assert await seen(client, "/later?n=4") == ["later", "4"]
    assert await seen(client, "/deeper") == ["deeper than plain"]
    assert await seen(client, "/wanted?n=5") == ["5"]


@pytest.mark.parametrize("path", ["/query?n=0", "/query?n=x", "/query?n=1&n=2", "/query?m=1", "/later?n=0", "/wanted"])
async def test_a_bad_query_is_refused_either_way(client: httpx.AsyncClient, path: str) -> None:
    refused(await client.get(path), 422, "validation_failed")
