"""Two ways to one answer: as it is served, by the short way, and as the framework gives it by itself.

With handlers that ask for more of the framework than goes the short way, and others of which it is to be seen that they
do not.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import psycopg
import pytest
from litestar import Litestar, Request, Response
from litestar.background_tasks import BackgroundTask
from litestar.connection import ASGIConnection
from litestar.datastructures import CacheControlHeader, Cookie, ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.dto import DTOConfig, MsgspecDTO
from litestar.exceptions import HTTPException, NotAuthorizedException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from msgspec import Struct, structs
from structlog.testing import capture_logs

from backend.answers import Answer, Head
from backend.app import at_the_edge
from backend.body import Body
from backend.cors import CrossOrigin, Preflights
from backend.edge import Edge
from backend.errors import NotFound, SignupClosed, TooManyAttempts
from backend.settings import Settings
from backend.streams import Stream
from tests.api.asgi import scope_of
from tests.people import new_address
from tests.routes import NOBODY

JSON: Final = "application/json"
MSGPACK: Final = "application/vnd.msgpack"
TOO_MANY: Final = b" " * (1024 * 1024 + 1)


class Ask(Struct, frozen=True):
    """A request, as a server hands it on. `who` asks, by the name that the test has for him; `leaves` in the body."""

    method: str
    path: str
    query: str = ""
    who: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    pieces: tuple[bytes, ...] = (b"",)
    hosts: tuple[str, ...] = ("lodestar.test",)
    root_path: str = ""
    leaves: bool = False


type Change = Callable[[Ask], Ask]


def sent(**fields: Any) -> Change:
    return lambda ask: structs.replace(ask, **fields)


def given(**headers: str) -> Change:
    """With these headers instead of its own of the same names."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda ask: structs.replace(
        ask, headers=(*((name, value) for name, value in ask.headers if name not in named), *named.items())
    )


def changed(ask: Ask, *changes: Change) -> Ask:
    for change in changes:
        ask = change(ask)
    return ask


class Answered(NamedTuple):
    """What was sent of an answer. The order of its headers says nothing (RFC 9110, 5.3)."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    is_complete: bool

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


async def _answer(app: ASGIApp, ask: Ask, headers: Iterable[tuple[str, str]]) -> Answered:
    waiting, messages = list(ask.pieces), []

    async def receive() -> Any:
        if waiting:
            body = waiting.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(waiting) or ask.leaves}
        if not ask.leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(dict(message))

    scope: Any = scope_of(ask.method, ask.path, {}) | {"query_string": ask.query.encode(), "root_path": ask.root_path}
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    await app(scope, receive, send)
    start, *rest = messages
    assert [start["type"], *{one["type"] for one in rest}] in (
        ["http.response.start"],
        ["http.response.start", "http.response.body"],
    )
    assert all(one["more_body"] for one in rest[:-1])
    return Answered(
        start["status"],
        sorted((name.decode(), value.decode()) for name, value in start["headers"]),
        b"".join(one["body"] for one in rest),
        bool(rest) and not rest[-1]["more_body"],
    )


class Ways:
    """Through the edge as it is served, and through one around the application alone."""

    def __init__(
        self, app: Litestar, settings: Settings, people: Mapping[str, Mapping[str, str]], patch: pytest.MonkeyPatch
    ) -> None:
        self._served = at_the_edge(app, settings)
        others = CrossOrigin(settings.cors_origins) if settings.cors_origins else None
        inner = Preflights(app, others) if others else app
        self._framework = Edge(inner, settings, app.state.passwords.is_full, others)
        self._people = people
        self._asked, own = 0, app.asgi_handler

        async def counting(scope: Any, receive: Any, send: Any) -> None:
            self._asked += 1
            await own(scope, receive, send)

        patch.setattr(app, "asgi_handler", counting)

    async def same(self, ask: Ask, *, short: bool | None = True) -> Answered:
        """The answer to one request, which is the same either way. `short`: how it is served; None if either will do"""
        return (await self.both(ask, ask, short=short))[0]

    async def both(self, one: Ask, other: Ask, *, short: bool | None = True) -> tuple[Answered, Answered]:
        """The answers to both requests, the first as it is served. Unless they are one they need not be the same."""
        before = self._asked
        served, noted = await self._through(self._served, one)
        assert short is None or (self._asked - before) == (not short), f"{one} has gone the other way"
        before = self._asked
        framed, noted_too = await self._through(self._framework, other)
        assert self._asked - before == 1
        if one is other:
            assert served == framed, one
            assert noted == noted_too, one
        return served, framed

    async def _through(self, edge: ASGIApp, ask: Ask) -> tuple[Answered, list[Any]]:
        """With what was logged of it, and not meanwhile, but for what no two requests have in common."""
        own = [("x-forwarded-for", new_address()), ("x-request-id", str(NOBODY)), *(("host", one) for one in ask.hosts)]
        with capture_logs() as logs:
            answered = await _answer(edge, ask, [*own, *self._people.get(ask.who, {}).items(), *ask.headers])
        own_logs = [one for one in logs if one["event"] in ("request", "fault", "database_fault")]
        return answered, [one | {"duration_ms": 0, "client": "", "exc_info": ""} for one in own_logs]


MARK: Final = "as was asked"
happened: Final[list[str]] = []


class Lens(Struct):
    title: str


class Named(MsgspecDTO[Lens]):
    config = DTOConfig(rename_fields={"title": MARK})


class OwnRequest(Body):
    mark = MARK


class OwnAnswer(Answer[Any]):
    def rendered(self, scope: HTTPScope, head: Head, media_type: str, status_code: int) -> ASGIApp:
        return super().rendered(scope, head | {b"x-mark": MARK.encode()}, media_type, status_code)


class Begun(Answer[str]):
    """Fails after its start, and after some of the body where there is any."""

    error: type[Exception] = RuntimeError

    def rendered(self, scope: HTTPScope, head: Head, media_type: str, status_code: int) -> ASGIApp:
        async def begin(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [*head.items()]})
            if self.content:
                await send({"type": "http.response.body", "body": self.content.encode(), "more_body": True})
            raise self.error

        return begin


class BegunInVain(Begun):
    error = NotFound


def marking(app: ASGIApp) -> ASGIApp:
    """Middleware."""

    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Any) -> None:
            await send(mark(message))

        await app(scope, receive, sending)

    return marked


def mark(message: Any) -> Any:
    if message["type"] == "http.response.start":
        message["headers"] = [*message["headers"], (b"x-mark", MARK.encode())]
    return message


async def before_send(message: Any, _: Scope) -> None:
    mark(message)


async def note(*_: object) -> None:
    happened.append(MARK)


async def after_request(response: Any) -> Any:
    response.headers["x-mark"] = MARK
    return response


def excuse(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
    return Response(MARK, status_code=418)


def generated() -> Iterator[str]:
    yield MARK


def refuse(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    raise SignupClosed


async def plain() -> Answer[str]:
    return Answer("plain")


async def as_it_is() -> Lens:
    return Lens("plain")


async def by_framework() -> Response[str]:
    return Response(MARK)


def at_once() -> str:
    return MARK


async def counted() -> int:
    happened.append(MARK)
    return len(happened)


async def failing() -> str:
    raise ValueError


async def of_generator(generated: NamedDependency[str]) -> str:
    return generated


async def of_request(request: Request[Any, Any, Any]) -> str:
    return str(getattr(request, "mark", ""))


async def of_asgi() -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 203, "headers": []})
        await send({"type": "http.response.body", "body": MARK.encode(), "more_body": False})

    return app


# What a handler asks for besides, itself or by a layer above it.
MORE: Final[dict[str, tuple[Any, dict[str, Any]]]] = {
    "middleware": (plain, {"middleware": [marking]}),
    "before_request": (plain, {"before_request": note}),
    "after_request": (plain, {"after_request": after_request}),
    "after_response": (plain, {"after_response": note}),
    "exception_handlers": (failing, {"exception_handlers": {ValueError: excuse}}),
    "response_cookies": (by_framework, {"response_cookies": {"mark": "1"}}),
    "sync_to_thread": (at_once, {"sync_to_thread": False}),
    "dependencies": (of_generator, {"dependencies": {"generated": Provide(generated)}}),
    "background": (by_framework, {"background": BackgroundTask(note)}),
    "request_class": (of_request, {"request_class": OwnRequest}),
    "response_class": (as_it_is, {"response_class": OwnAnswer}),
    "return_dto": (as_it_is, {"return_dto": Named}),
    "an ASGI application": (of_asgi, {}),
}
# What goes the short way all the same.
LESS: Final[dict[str, tuple[Any, dict[str, Any]]]] = {
    "sync_to_thread": (at_once, {"sync_to_thread": True}),
    "guards": (plain, {"guards": [refuse]}),
    "response_headers": (plain, {"response_headers": {"X-Mark": MARK, "Vary": "X-Mark"}}),
    "a header that is only documented": (plain, {"response_headers": [ResponseHeader("X", documentation_only=True)]}),
    "cache_control": (plain, {"cache_control": CacheControlHeader(max_age=5)}),
    "status_code": (plain, {"status_code": 202}),
    "media_type": (by_framework, {"media_type": "text/css"}),
    "opt": (as_it_is, {"opt": {"exclude_from_compression": True}}),
}
ANSWERS: Final[dict[str, Callable[[], Any]]] = {
    "nothing": lambda: None,
    "text": lambda: "ä" * 2000,
    "bytes": lambda: b'{"ready":1}',
    "Structs": lambda: [Lens("1"), Lens("2")],
    "what is no JSON": object,
    "a version": lambda: Answer(Lens("1"), version=7),
    "no content": lambda: Answer(None, status_code=204),
    "all its own": lambda: Answer(b"1", status_code=203, headers={"vary": "X-A", "X-B": "1"}, media_type="text/css"),
    "a Response": lambda: Response("1", cookies=[Cookie("a", "1")], headers={"Vary": "X-A"}, status_code=203),
    "a Response, and more": lambda: Response("1", background=BackgroundTask(note)),
    "a Redirect": lambda: Redirect("/elsewhere"),
    "a Stream": lambda: Stream(pieces(), headers={"x-own": "1"}, media_type="text/css"),
    "a Stream that fails": lambda: Stream(pieces(failing=True)),
    "a start and no more": lambda: Begun(""),
    "a start and some": lambda: Begun("ä" * 2000),
    "a start and a refusal": lambda: BegunInVain(""),
    "a start, some and a refusal": lambda: BegunInVain("ä" * 2000),
}
ERRORS: Final[dict[str, Exception]] = {
    "a fault": RuntimeError("secret"),
    "a refusal": TooManyAttempts(retry_after=9, headers={"X-Own": "1"}),
    "of the framework": NotAuthorizedException(),
    "of the framework, unknown": HTTPException(status_code=418, headers={"X-Own": "1"}),
    "of arguments": ValidationException(extra=[{"key": "n", "message": "bad"}]),
    "of the body": ValidationException(extra=[{"key": "data", "message": "bad"}]),
    "of the database": psycopg.errors.UniqueViolation(),
    "of the connection": psycopg.OperationalError(),
    "of many": ExceptionGroup("several", [NotFound()]),
}


async def pieces(failing: bool = False) -> AsyncIterator[bytes]:
    yield b"x" * 2000
    if failing:
        raise RuntimeError
    yield b"y"


async def reading(data: JSONBody[Lens]) -> str:
    return data.title


async def telling(request: Request[Any, Any, Any], key: FromPath[Any]) -> dict[str, str]:
    """What a handler may want to know of its request."""
    scope = request.scope
    said = {
        name: str(scope.get(name)) for name in ("path", "path_template", "path_params", "root_path", "query_string")
    }
    own = scope["litestar_app"] is scope.get("app") is request.app
    methods = f"{request.method} {scope['state']['exchange'].head}"
    return said | {"url": f"{request.url} {request.base_url}", "methods": methods, "own": f"{own}", "key": f"{key!r}"}


async def answering(key: FromPath[str]) -> Any:
    return ANSWERS[key]()


async def raising(key: FromPath[str]) -> Any:
    raise ERRORS[key]
