"""What is decided between authentication and the handler: 415, 406 and 413 first, and unknown parameters last.

A refusal here comes before anything has been read or written (the order of decisions is CONTRACT.md's).
"""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from backend.answers import JSON
from backend.errors import (
    BodyTooLarge,
    FieldError,
    NotAcceptable,
    UnsupportedMediaType,
    ValidationFailed,
)
from backend.faults import with_head
from backend.parameters import query_of

_ACCEPT_CHARACTERS: Final = 1024  # What stands behind them is not read; a header may have 64 KiB.
MERGE_PATCH: Final = "application/merge-patch+json"


class Negotiation:
    """Middleware between authentication and the guards. Itself no guard, for the framework copies the handler for
    each call of one, and reads all headers; here each header is looked at once."""

    __slots__ = ("_app",)

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        negotiate(scope["route_handler"], scope["headers"])
        await self._app(scope, receive, send)


def negotiate(handler: Any, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises UnsupportedMediaType (415), NotAcceptable (406) and BodyTooLarge (413)."""
    content_type, accept, length = b"", [], b""
    reads = handler.opt.get("reads")  # The one type of a body that is read as it comes.
    takes_body = reads or handler.parsed_data_field is not None
    for name, value in headers:
        match name:
            case b"accept":
                accept.append(value.decode("latin-1"))
            case b"content-type":
                content_type = value
            case b"content-length":
                length = value
            case b"content-encoding" if takes_body and value.lower() != b"identity":
                raise UnsupportedMediaType
    if takes_body:
        given = content_type.partition(b";")[0].strip().lower().decode("latin-1")
        if given != (reads or JSON) and not (given == MERGE_PATCH and handler.http_methods == {"PATCH"}):
            raise UnsupportedMediaType
    if not _accepts(", ".join(accept)[:_ACCEPT_CHARACTERS] or "*/*", _offered(handler)):
        raise NotAcceptable
    most = handler.resolve_request_max_body_size()
    if most and length.isdigit() and int(length[:20]) > most:
        raise BodyTooLarge


@cache
def _offered(handler: HTTPRouteHandler) -> str:
    return str(getattr(handler.media_type, "value", handler.media_type) or JSON).partition(";")[0]


@lru_cache(maxsize=256)  # Bounded, for the key comes from outside.
def _ranges(accept: str) -> tuple[tuple[str, float], ...]:
    """The media ranges of an Accept header with their weights (RFC 9110, 12.5.1)."""
    found = []
    for part in accept.split(","):
        media, *parameters = (one.strip().lower() for one in part.split(";"))
        weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            found.append((media, float(weight)))
        except ValueError:
            found.append((media, 0.0))
    return tuple(found)


def _accepts(accept: str, offered: str) -> bool:
    """The most specific range that fits decides; a weight of 0 refuses."""
    if accept in ("*/*", offered):
        return True
    ranges = dict(_ranges(accept))
    kind = offered.partition("/")[0]
    for media in (offered, f"{kind}/*", "*/*"):
        if media in ranges:
            return ranges[media] > 0
    return False


async def before_handler(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Runs before every handler. Answers OPTIONS, of which the framework names only the methods that it met first.

    Raises ValidationFailed (422) when a query parameter is unknown, repeated or not what it has to be, and names it as
    it was sent, which the framework would not. It then names the bad fields of the body as well; if that is no JSON,
    MalformedJson (400).
    """
    if request.scope["method"] == "OPTIONS":
        return Response(None, status_code=204, headers={"Allow": _allowed(request)})
    await _refuse_bad_parameters(request)
    return None


def _allowed(request: Request[Any, Any, Any]) -> str:
    template = request.scope["path_template"]
    return with_head(", ".join(next(route.methods for route in request.app.routes if route.path_format == template)))


async def _refuse_bad_parameters(request: Request[Any, Any, Any]) -> None:
    handler: Any = request.scope["route_handler"]
    if errors := query_of(handler, request.scope["query_string"]).errors:
        if handler.parsed_data_field is not None:
            errors = [*errors, *await _errors_in_body(request)]
        raise ValidationFailed(errors=errors)


async def _errors_in_body(request: Request[Any, Any, Any]) -> Sequence[FieldError]:
    try:
        await request.json()
    except ValidationFailed as refusal:
        return refusal.errors
    return ()
