"""What is decided between authentication and the handler: 415, 406 and 413 first, and unknown parameters last.

A refusal here comes before anything has been read or written (the order of decisions is CONTRACT.md's).
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.enums import ParamType
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from msgspec import convert
from msgspec.structs import fields

from backend.errors import (
    BodyTooLarge,
    FieldError,
    NotAcceptable,
    UnsupportedMediaType,
    ValidationFailed,
)

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"


def negotiate(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The first guard of every route. Raises UnsupportedMediaType, NotAcceptable, BodyTooLarge."""
    assert isinstance(handler, HTTPRouteHandler)
    headers = connection.headers
    if handler.parsed_data_field is not None:
        given = headers.get("content-type", "").partition(";")[0].strip().lower()
        if given != JSON and not (given == MERGE_PATCH and handler.http_methods == {"PATCH"}):
            raise UnsupportedMediaType
    if not _accepts(headers.get("accept", "*/*"), _offered(handler)):
        raise NotAcceptable
    length, most = headers.get("content-length"), handler.resolve_request_max_body_size()
    if length is not None and most is not None and length.isdecimal() and int(length[:20]) > most:
        raise BodyTooLarge


@cache
def _offered(handler: HTTPRouteHandler) -> str:
    return str(getattr(handler.media_type, "value", handler.media_type) or JSON).partition(";")[0]


@cache
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


async def refuse_unknown_parameters(request: Request[Any, Any, Any]) -> None:
    """Runs before every handler. Raises ValidationFailed (422) when a query parameter is unknown or repeated; it then
    names those that break their contract as well, for the framework will not get to them."""
    query = request.scope["query_string"]
    if not query:
        return
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    names = [name for name, _ in given]
    known = _parameters(request.scope["route_handler"])
    bad = [_error("unknown_parameter", "There is no such parameter.", name) for name in names if name not in known]
    bad += [
        _error("repeated_parameter", "May be given only once.", name)
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if bad:
        raise ValidationFailed(errors=[*bad, *_invalid(given, known)])


def _invalid(given: list[tuple[str, str]], known: Mapping[str, Any]) -> Iterator[FieldError]:
    for name, value in given:
        if name in known:
            try:
                convert(value, known[name], strict=False)
            except msgspec.ValidationError as error:
                yield _error("invalid", str(error), name)


def _error(code: str, message: str, parameter: str) -> FieldError:
    return FieldError(code=code, message=message, parameter=parameter[:100])


@cache
def _parameters(handler: HTTPRouteHandler) -> Mapping[str, Any]:
    """The query parameters of a handler by name, and what they have to be."""
    kinds = {field.name: field.type for field in fields(handler.signature_model)}
    return {
        getattr(field.kwarg_definition, "name", None) or name: kinds[name]
        for name, field in handler.parsed_fn_signature.parameters.items()
        if getattr(field.kwarg_definition, "param_type", None) == ParamType.QUERY
    }
