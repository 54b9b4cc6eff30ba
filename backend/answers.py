"""How an answer becomes bytes, in one step: the framework's own response is built three times over for each request."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.types import Receive, Scope, Send
from litestar.utils import get_enum_string_value

from backend.etags import etag, names

JSON: Final = "application/json"
_encode: Final = msgspec.json.Encoder().encode


class Answer[T](Response[T]):
    """A Struct, or bytes that are ready, with a status and headers of its own where the handler's do not do.

    With `version`, that of the row in it, it carries an ETag, and becomes a 304 where If-None-Match has that already.

    The response class of the application: what a handler returns as it is becomes one too. It sets no cookies, runs
    nothing in the background, and encodes only what msgspec encodes by itself.
    """

    __slots__ = ("version",)

    def __init__(
        self,
        content: T,
        *,
        status_code: int | None = None,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        version: int | None = None,
        **_: object,
    ) -> None:
        self.content = content
        self.version = version
        self.status_code = status_code
        self.headers = dict(headers) if headers else {}
        self.media_type = media_type
        self.cookies = []
        self.background = None

    def to_asgi_response(  # type: ignore[override]  # Only what Litestar gives it, and only what it calls.
        self,
        app: object,
        request: Request[Any, Any, Any],
        *,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        status_code: int | None = None,
        **_: object,
    ) -> "Encoded":
        status = self.status_code or status_code or 200
        content = self.content
        given = _given(headers, self.headers)
        if self.version is not None:
            given["etag"] = etag(self.version)
            if status == 200 and request.scope["method"] == "GET" and _is_known(request, self.version):
                status = 304
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()]
        if status in (204, 304):
            return Encoded(status, encoded, b"")
        body = content if isinstance(content, bytes) else _encode(content)
        kind = get_enum_string_value(self.media_type or media_type or JSON)
        encoded.append((b"content-type", kind.encode()))
        encoded.append((b"content-length", b"%d" % len(body)))
        return Encoded(status, encoded, body)


def head_of(headers: Mapping[str, str] | None, own: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """The handler's headers and an answer's own, which come first, as ASGI wants them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in _given(headers, own).items()]


def _given(headers: Mapping[str, str] | None, own: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in (*(headers or {}).items(), *own.items())}


def _is_known(request: Request[Any, Any, Any], version: int) -> bool:
    given = [value for name, value in request.scope["headers"] if name == b"if-none-match"]
    return bool(given) and names(b",".join(given).decode("latin-1"), version, "")


class Encoded:
    """The two messages of an answer, as an ASGI application."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._status = status
        self._headers = headers
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})
