"""What is decided between authentication and the handler: 415, 406 and 413 first, and unknown parameters last.

A refusal here comes before anything has been read or written (the order of decisions is CONTRACT.md's).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final, get_args
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response
from litestar.enums import ParamType
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import convert
from msgspec.structs import fields

from backend.errors import (
    BodyTooLarge,
    FieldError,
    NotAcceptable,
    UnsupportedMediaType,
    ValidationFailed,
)
from backend.faults import with_head

JSON: Final = "application/json"
_DIGITS: Final = re.compile("[0-9]{1,18}")
_ACCEPT_CHARACTERS: Final = 1024  # What stands behind them is not read; a header may have 64 KiB.
_REMEMBERED_BYTES: Final = 256  # A query may have 64 KiB, and what is remembered of others' is to stay small.
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
    takes_body = handler.parsed_data_field is not None
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
        if given != JSON and not (given == MERGE_PATCH and handler.http_methods == {"PATCH"}):
            raise UnsupportedMediaType
    if not _accepts(", ".join(accept)[:_ACCEPT_CHARACTERS] or "*/*", _offered(handler)):
        raise NotAcceptable
    if length.isdigit() and int(length[:20]) > handler.resolve_request_max_body_size():
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
    query = request.scope["query_string"]
    if not query:
        return
    handler = request.scope["route_handler"]
    look = _errors_in_query if len(query) <= _REMEMBERED_BYTES else _errors_in_query.__wrapped__
    if errors := look(handler, query):
        if handler.parsed_data_field is not None:
            errors = [*errors, *await _errors_in_body(request)]
        raise ValidationFailed(errors=errors)


@lru_cache(maxsize=1024)  # Most callers ask with one of a few queries.
def _errors_in_query(handler: HTTPRouteHandler, query: bytes) -> Sequence[FieldError]:
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return list(_errors_of(given, _parameters(handler)))


def _errors_of(given: list[tuple[str, str]], known: Mapping[str, Any]) -> Iterator[FieldError]:
    counts = Counter(name for name, _ in given)
    for name, value in dict(given).items():
        if name not in known:
            yield _error("unknown_parameter", "There is no such parameter.", name)
        elif counts[name] > 1:
            yield _error("repeated_parameter", "May be given only once.", name)
        elif get_args(known[name])[:1] == (int,) and not _DIGITS.fullmatch(value):
            yield _error("invalid", "Expected digits.", name)  # msgspec would take 5.0, 1e1 and the like.
        else:
            try:
                convert(value, known[name], strict=False)
            except msgspec.ValidationError as error:
                yield _error("invalid", str(error), name)


async def _errors_in_body(request: Request[Any, Any, Any]) -> Sequence[FieldError]:
    try:
        await request.json()
    except ValidationFailed as refusal:
        return refusal.errors
    return ()


def _error(code: str, message: str, parameter: str) -> FieldError:
    """Names and, in some messages, values come from outside, so they are capped."""
    return FieldError(code=code, message=message[:200], parameter=parameter[:100])


@cache
def _parameters(handler: HTTPRouteHandler) -> Mapping[str, Any]:
    """The query parameters of a handler by name, and what they have to be; Litestar files dependencies there too."""
    kinds = {field.name: field.type for field in fields(handler.signature_model)}
    return {
        getattr(field.kwarg_definition, "name", None) or name: kinds[name]
        for name, field in handler.parsed_fn_signature.parameters.items()
        if getattr(field.kwarg_definition, "param_type", None) == ParamType.QUERY and not field.is_di_field
    }
