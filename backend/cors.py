"""Other origins: the pages of those that CORS_ORIGINS names may read answers, and those of nobody else.

The framework's own answers a preflight that it refuses in plain text, tells a hostile origin what it would allow, and
overwrites Vary. There are no credentials in the sense of the Fetch standard: a token is not sent by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

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
]


class CrossOrigin:
    """To an origin that is not named it is as if there were no other origins at all."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def allows(self, headers: Mapping[bytes, bytes]) -> bool:
        return headers.get(b"origin", b"") in self._origins

    def said(self, headers: Mapping[bytes, bytes]) -> Sequence[tuple[bytes, bytes]]:
        """What each answer to such a request says, a refusal too: without it a page cannot even read the status."""
        if not self.allows(headers):
            return (_VARY,)
        return ((b"access-control-allow-origin", headers[b"origin"]), _EXPOSED, _VARY)


class Preflights:
    """Wraps the application, and answers what a browser asks before it asks."""

    def __init__(self, app: ASGIApp, cross_origin: CrossOrigin) -> None:
        self._app = app
        self._cross_origin = cross_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] == "OPTIONS":
            headers = scope["state"]["headers"]
            if b"access-control-request-method" in headers and self._cross_origin.allows(headers):
                start: Any = {"type": "http.response.start", "status": 204, "headers": _PREFLIGHT}
                await send(start)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
        await self._app(scope, receive, send)
