"""The OpenAPI 3.1 document, built from the routes that are served."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

from backend import __version__
from backend.documentation.operations import kinds_of, operation_of
from backend.documentation.refusals import HEADERS, ProblemDetails
from backend.documentation.schemas import schemas_of

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `access_token` of `POST /v1/login`.",
}

_DESCRIPTION: Final = """\
Accounts, sessions and row-secured resources over JSON or MessagePack.

**Tokens.** `POST /v1/login` gives an access token, which goes into `Authorization: Bearer ...`, and a refresh token
for `POST /v1/login/refresh`, which is good for one exchange.

**Representations.** What is JSON is MessagePack as well, `application/vnd.msgpack`: a body by its `Content-Type`, an
answer where `Accept` likes it better. Values are the same in both; times and ids are strings. Larger answers are
compressed with brotli or gzip where `Accept-Encoding` has them, but never those with tokens.

**Refusals** are `application/problem+json` (RFC 9457) whatever `Accept` says. Their `code` is stable, and their `type`
is the address of a page about it. Each route lists those that it can give. Besides them, an address that there is not
is 404 `not_found`, and a method that an address does not have is 405 `method_not_allowed` with `Allow`.

**HEAD** is answered wherever GET is, with the same status and headers and no body, and so is not listed.

**Values.** Times are RFC 3339 in UTC, ids are UUIDs that sort by the time they were made. A field or a query parameter
that is not documented is refused, and so is a parameter that is given twice.

**Conditions.** What has an `ETag` is answered 304 to an `If-None-Match` that names it, and changed or deleted only in a
state that `If-Match` names, if there is one: 412 otherwise.

**Repetition.** Where `Idempotency-Key` is listed a request that is sent again under the same key is done once and
answered again, with `Idempotent-Replayed: true`.

**Types.** JSON is MessagePack too, by `Content-Type` and `Accept`. Answers are compressed by `Accept-Encoding`. Streams
are NDJSON; one that was cut off ends without its last chunk.

**Request ids.** Every answer carries `X-Request-ID`. A UUID that came in a header of this name is kept.
"""


def openapi_json(routes: Sequence[BaseRoute]) -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(document(routes))


def document(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The document of those routes that do not say `include_in_schema=False`."""
    found = list(_documented(routes))
    handlers = [handler for _, handler in found]
    schemas, components = schemas_of([*chain.from_iterable(map(kinds_of, handlers)), ProblemDetails])
    paths: dict[str, dict[str, Any]] = {}
    for path, handler in found:
        paths.setdefault(path, {})[_method(handler).lower()] = operation_of(handler, schemas)
    return {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(tag for one in handlers for tag in one.resolve_tags())],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "headers": {name: {"description": text, "schema": _header(name)} for name, text in HEADERS.items()},
            "securitySchemes": {"bearer": _BEARER},
        },
    }


def _documented(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, HTTPRouteHandler]]:
    """In the order of registration, and of the methods within a path."""
    for route in routes:
        if isinstance(route, HTTPRoute):
            shown = [one for one in route.route_handlers if one.resolve_include_in_schema()]
            yield from ((route.path_format, one) for one in sorted(shown, key=lambda one: _METHODS.index(_method(one))))


def _method(handler: HTTPRouteHandler) -> str:
    (method,) = handler.http_methods
    return method


def _info() -> dict[str, Any]:
    return {
        "title": "Lodestar",
        "version": __version__,
        "description": _DESCRIPTION,
        "license": {"name": "MIT"},
    }


def _header(name: str) -> dict[str, Any]:
    match name:
        case "X-Request-ID":
            return {"type": "string", "format": "uuid"}
        case "Retry-After":
            return {"type": "integer", "minimum": 1}
        case _:
            return {"type": "string"}
