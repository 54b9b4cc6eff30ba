"""How an answer becomes bytes, in one step: the framework's own response is built three times over for each request."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from litestar.utils import get_enum_string_value

from backend.etags import etag, named

JSON: Final = "application/json"
MSGPACK: Final = "application/vnd.msgpack"
_encode: Final = msgspec.json.Encoder().encode
_pack: Final = msgspec.msgpack.Encoder().encode

type Head = dict[bytes, bytes]


class Answer[T](Response[T]):
    """A Struct, or bytes that are ready, with a status and headers of its own where the handler's do not do.

    With `version`, that of the row in it, it carries an ETag, and becomes a 304 where If-None-Match has that already.
    What would be JSON, ready bytes too, is MessagePack for a caller who likes that better (see `backend.negotiation`).

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
    ) -> ASGIApp:
        kind = get_enum_string_value(media_type or JSON)
        return self.rendered(request.scope, head_of(headers or {}), kind, status_code or 200)

    def rendered(self, scope: HTTPScope, head: Head, media_type: str, status_code: int) -> ASGIApp:
        """What sends it. `head`, `media_type` and `status_code` are the handler's, its own come first."""
        status = self.status_code or status_code
        kind = get_enum_string_value(self.media_type or media_type)
        packed = kind == JSON and scope["state"].get("answer_type") == MSGPACK
        given = head | head_of(self.headers) if self.headers else dict(head)
        if self.version is not None:
            media = "msgpack" if packed else ""
            tag = etag(self.version, media)
            if status == 200 and scope["method"] == "GET" and (known := _known(scope, self.version, media)):
                status, tag = 304, known
            given[b"etag"] = tag.encode()
        if status in (204, 304):
            return Encoded(status, list(given.items()), b"")
        content = self.content
        if packed:
            body, kind = _packed(content), MSGPACK
        else:
            body = content if isinstance(content, bytes) else _encode(content)
        given[b"content-type"] = kind.encode()
        given[b"content-length"] = b"%d" % len(body)
        return Encoded(status, list(given.items()), body)


def head_of(headers: Mapping[str, str]) -> Head:
    """Headers as ASGI wants them."""
    return {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in headers.items()}


def _packed(content: Any) -> bytes:
    # Times and ids are the strings that they are in JSON, so that a client reads either with the same types: by itself
    # msgspec would write a time as an extension type, which JSON does not have.
    ready = isinstance(content, bytes)
    return _pack(msgspec.json.decode(content) if ready else msgspec.to_builtins(content, str_keys=True))


def _known(scope: HTTPScope, version: int, media: str) -> str | None:
    state = scope["state"]
    given = state["headers"].get(b"if-none-match")
    return named(given.decode("latin-1"), version, media, state.get("coding", "")) if given else None


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
