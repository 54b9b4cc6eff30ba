"""Other origins: the pages of those that CORS_ORIGINS names may read answers, and those of nobody else.

The framework's own answers a preflight that it refuses in plain text, tells a hostile origin what it would allow, and
overwrites Vary. There are no credentials in the sense of the Fetch standard: a token is not sent by itself.
"""

from collections.abc import Iterable
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_VARY: Final = b"vary", b"Origin"
# What else a page may read of an answer.
_EXPOSED: Final = (
    b"access-control-expose-headers",
    b"ETag, Idempotent-Replayed, Link, Location, Retry-After, X-Request-ID",
)
_PREFLIGHT: Final = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, X-Request-ID, *"),
    (b"access-control-max-age", b"600"),
    _VARY,
]


class CrossOrigin:
    """Wraps the application. To an origin that is not named it is as if there were no other origins at all."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = scope["state"]["headers"]
        origin = headers.get(b"origin", b"")
        allowed = [(b"access-control-allow-origin", origin)] if origin in self._origins else []

        async def reply(message: Message) -> None:
            if message["type"] == "http.response.start":
                exposed = [_EXPOSED] if allowed else []
                message["headers"] = [*message["headers"], *allowed, *exposed, _VARY]
            await send(message)

        if allowed and scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            start: Any = {"type": "http.response.start", "status": 204, "headers": [*allowed, *_PREFLIGHT]}
            await send(start)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self._app(scope, receive, reply)
