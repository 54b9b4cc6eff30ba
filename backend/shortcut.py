"""The short way from the edge to a handler, in one step where the framework takes twenty.

What the framework does with each request for whoever might want it, our handlers do not want: two layers that catch
exceptions, two of middleware, an exit stack, a cache, hooks, and a response that is made three times. That was more
than half of what an answer without a query cost. Routes, guards, dependencies and documentation are the framework's on
either way, and the order of decisions is the same. A handler for which anything more has been asked, by itself or by a
layer above it, goes the framework's own way, and so does a request for no handler at all.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from litestar import Litestar, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, LitestarException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from litestar.utils import get_enum_string_value, is_async_callable
from msgspec import Struct

from backend.answers import JSON, Answer, Head, head_of
from backend.body import Body
from backend.compression import Compressed
from backend.faults import EXCEPTION_HANDLERS, problem_of, refuse
from backend.handlers import Arguments, Handler
from backend.negotiation import Negotiation, agreed, before_handler, refuse_bad_parameters
from backend.security.authentication import BearerAuthentication, principal_of
from backend.security.guards import recheck
from backend.security.tokens import AccessTokens

# What a Host header usually is. Whether anything else is one the framework decides.
_PLAIN_HOST: Final = re.compile(rb"[\w.:\[\]-]*", re.ASCII)


class Shortcut:
    """Wraps the application as `create_app` makes it."""

    def __init__(self, app: Litestar, tokens: AccessTokens, stream_max_bytes: float) -> None:
        self._app = app
        self._tokens = tokens
        self._stream_max_bytes = stream_max_bytes
        self._ways: dict[Any, _Way | None] = {}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == ScopeType.HTTP and (way := self._way(scope)):
            return self._go(way, scope, receive, send)
        return self._app(scope, receive, send)

    def _way(self, scope: HTTPScope) -> "_Way | None":
        """None: the framework's own."""
        path = scope["path"]
        host = scope["state"]["headers"].get(b"host", b"")
        if path.endswith("/") or "//" in path or scope.get("root_path") or not _PLAIN_HOST.fullmatch(host):
            return None
        try:
            found = self._app.asgi_router.handle_routing(path=path, method=scope["method"])
        except HTTPException:
            return None
        _, handler, _, parameters, template = found
        if handler not in self._ways:
            self._ways[handler] = _Way.of(handler)
        if way := self._ways[handler]:
            scope["app"] = scope["litestar_app"] = self._app
            scope["route_handler"], scope["path_template"], scope["path_params"] = handler, template, parameters
        return way

    async def _go(self, way: "_Way", scope: HTTPScope, receive: Receive, send: Send) -> None:
        compressed = None
        try:
            if way.authenticates:
                scope["user"] = principal_of(scope, self._tokens)
            if coding := agreed(scope, self._stream_max_bytes):
                send = compressed = Compressed(send, coding, scope)
            response = await self._response(way, scope, receive, send)
            await response(scope, receive, send)
        except Exception as error:  # Whatever it is: the framework answers everything that is raised, too.
            if scope["state"]["exchange"].status or (compressed and compressed.has_begun):
                raise LitestarException("raised after the answer had begun") from error
            await _refuse(error, scope, send)
        finally:
            if compressed:
                await compressed.end()

    async def _response(self, way: "_Way", scope: HTTPScope, receive: Receive, send: Send) -> ASGIApp:
        request: Any = Body(scope, receive, send) if way.wants_request else None
        for guard in way.guards:
            await guard(request, way.handler)
        if scope["query_string"]:
            await refuse_bad_parameters(scope, request)
        arguments = way.arguments.without_body(scope, request)
        if way.arguments.has_data:
            arguments["data"] = await request.json()
        content = await way.call(**arguments)
        if isinstance(content, Response) and not isinstance(content, Answer):
            return await way.handler.to_response(self._app, content, request or Body(scope, receive, send))
        answer = content if isinstance(content, Answer) else Answer(content)
        return answer.rendered(scope, way.head, way.media_type, way.status_code)


class _Way(Struct, frozen=True):
    """What is known of a handler before there is a request."""

    handler: Handler
    call: Callable[..., Awaitable[Any]]
    arguments: Arguments
    guards: list[Any]
    wants_request: bool
    authenticates: bool
    head: Head
    media_type: str
    status_code: int

    @classmethod
    def of(cls, handler: Any) -> "_Way | None":
        """None: it asks for more than goes this way."""
        if not isinstance(handler, Handler) or handler.arguments is None or _asks_for_more(handler):
            return None
        headers = {one.name: str(one.value) for one in handler.resolve_response_headers() if not one.documentation_only}
        guards = list(handler.resolve_guards())
        return cls(
            handler,
            handler.fn,
            handler.arguments,
            guards,
            handler.arguments.wants_request or bool(guards),
            not handler.opt.get("exclude_from_auth"),
            head_of(headers),
            get_enum_string_value(handler.media_type) or JSON,
            handler.status_code,
        )


def _asks_for_more(handler: HTTPRouteHandler) -> bool:
    """Of the framework, than what `create_app` sets for all."""
    app, layers = handler.app, handler.ownership_layers
    returned = handler.parsed_fn_signature.return_type.annotation
    return not (
        [getattr(one, "middleware", one) for one in handler.resolve_middleware()] == [Negotiation, BearerAuthentication]
        and handler.resolve_before_request() is before_handler
        and handler.resolve_exception_handlers() == EXCEPTION_HANDLERS
        and app.after_exception == [recheck]
        and (handler.resolve_request_class(), handler.resolve_response_class()) == (Body, Answer)
        and not any((layer.after_request or layer.after_response) for layer in layers)
        and not any((app.before_send, app.allowed_hosts, app.csrf_config, app.cors_config, app.compression_config))
        and not any((app.logging_config, app.pdb_on_exception))
        and not any((handler.cache, handler.background, handler.resolve_response_cookies()))
        and not any((handler.resolve_data_dto(), handler.resolve_return_dto(), handler.has_sync_callable))
        and not (returned is ASGIApp or is_async_callable(returned))
    )


async def _refuse(error: Exception, scope: HTTPScope, send: Send) -> None:
    try:
        await recheck(error, scope)
    except Exception as found:  # A refusal of its own, or a database that is away: that is what is answered then.
        error = found
    await refuse(problem_of(error), scope["state"]["request_id"], send)
