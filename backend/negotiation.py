"""What is decided between authentication and the handler: 415, 406 and 413 first, and unknown parameters last.

A refusal here comes before anything has been read or written (the order of decisions is CONTRACT.md's).
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from msgspec import Struct

from backend.answers import JSON, MSGPACK
from backend.compression import EXCLUDED, Compressed, coding_of
from backend.errors import (
    BodyTooLarge,
    FieldError,
    NotAcceptable,
    UnsupportedMediaType,
    ValidationFailed,
)
from backend.faults import with_head
from backend.parameters import query_of
from backend.weights import weights_of

_ACCEPT_CHARACTERS: Final = 1024  # What stands behind them is not read; a header may have 64 KiB.
MERGE_PATCH: Final = "application/merge-patch+json"
_BODIES: Final = frozenset({JSON, MSGPACK})


class Negotiation:
    """Middleware between authentication and the guards. Itself no guard, for the framework copies the handler for
    each call of one, and reads all headers; here each header is looked at once."""

    __slots__ = ("_app", "_stream_max_bytes")

    def __init__(self, app: ASGIApp, stream_max_bytes: float = math.inf) -> None:
        self._app = app
        self._stream_max_bytes = stream_max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if coding := agreed(scope, self._stream_max_bytes):
            compressed = Compressed(send, coding, scope)
            try:
                await self._app(scope, receive, compressed)
            finally:
                await compressed.end()
        else:
            await self._app(scope, receive, send)


def agreed(scope: Scope, stream_max_bytes: float) -> str:
    """The content coding of the answer, which is in the state from now on, with the media types. As `negotiate`."""
    state = scope["state"]
    state["body_type"], state["answer_type"], coding = negotiate(
        scope["route_handler"], state["headers"], stream_max_bytes
    )
    if coding:
        state["coding"] = coding
    return coding


def negotiate(handler: Any, headers: Mapping[bytes, bytes], stream_max_bytes: float) -> tuple[str, str, str]:
    """The media types of the body (empty if none is taken) and of the answer, and its content coding (empty: as it is).

    Raises UnsupportedMediaType (415), NotAcceptable (406) and BodyTooLarge (413).
    """
    terms, given = terms_of(handler), ""
    if terms.takes:
        given = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
        if given not in terms.takes or headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise UnsupportedMediaType
    chosen = _chosen(headers.get(b"accept", b"").decode("latin-1")[:_ACCEPT_CHARACTERS] or "*/*", terms.offers)
    if not chosen:
        raise NotAcceptable
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > (terms.max_bytes or stream_max_bytes):
        raise BodyTooLarge
    wanted = headers.get(b"accept-encoding", b"") if terms.compresses else b""
    return given, chosen, coding_of(wanted[:_ACCEPT_CHARACTERS]) if wanted else ""


class _Terms(Struct, frozen=True):
    """What a handler takes and offers; `max_bytes` of a body, or None for a stream of any length."""

    takes: frozenset[str]
    offers: tuple[str, ...]
    max_bytes: int | None
    compresses: bool


@cache
def terms_of(handler: HTTPRouteHandler) -> _Terms:
    reads = handler.opt.get("reads")  # The one type of a body that is read as it comes.
    takes = frozenset({reads}) if reads else _BODIES if handler.parsed_data_field is not None else frozenset()
    if takes and handler.http_methods == {"PATCH"}:
        takes |= {MERGE_PATCH}
    return _Terms(takes, offered(handler), handler.resolve_request_max_body_size(), not handler.opt.get(EXCLUDED))


def offered(handler: HTTPRouteHandler) -> tuple[str, ...]:
    """The media types that a handler answers with: whatever is JSON can be MessagePack."""
    media_type = str(getattr(handler.media_type, "value", handler.media_type) or JSON).partition(";")[0]
    return (JSON, MSGPACK) if media_type == JSON else (media_type,)


def _chosen(accept: str, media_types: tuple[str, ...]) -> str:
    """The one that weighs most, the first on a tie; empty if none is accepted."""
    if accept in ("*/*", media_types[0]):
        return media_types[0]
    return _weighed(accept, media_types)


@lru_cache(maxsize=256)  # Bounded, for the key comes from outside.
def _weighed(accept: str, media_types: tuple[str, ...]) -> str:
    weights = weights_of(accept)
    best = max(media_types, key=lambda one: _weight(weights, one))
    return best if _weight(weights, best) > 0 else ""


def _weight(weights: Mapping[str, float], media_type: str) -> float:
    """That of the most specific range that fits."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next((weights[one] for one in ranges if one in weights), 0.0)


async def before_handler(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Runs before every handler. Answers OPTIONS, of which the framework names only the methods that it met first, and
    raises what `refuse_bad_parameters` does.
    """
    if request.scope["method"] == "OPTIONS":
        return Response(None, status_code=204, headers={"Allow": _allowed(request)})
    await refuse_bad_parameters(request.scope, request)
    return None


def _allowed(request: Request[Any, Any, Any]) -> str:
    template = request.scope["path_template"]
    return with_head(", ".join(next(route.methods for route in request.app.routes if route.path_format == template)))


async def refuse_bad_parameters(scope: HTTPScope, request: Request[Any, Any, Any] | None) -> None:
    """Raises ValidationFailed (422) when a query parameter is unknown, repeated or not what it has to be, and names it
    as it was sent, which the framework would not. Where there is a request to have it from, it then names the bad
    fields of the body as well; if that cannot be parsed, MalformedJson or MalformedMsgpack (400).
    """
    handler: Any = scope["route_handler"]
    if errors := query_of(handler, scope["query_string"]).errors:
        if request and handler.parsed_data_field is not None:
            errors = [*errors, *await _errors_in_body(request)]
        raise ValidationFailed(errors=errors)


async def _errors_in_body(request: Request[Any, Any, Any]) -> Sequence[FieldError]:
    try:
        await request.json()
    except ValidationFailed as refusal:
        return refusal.errors
    return ()
