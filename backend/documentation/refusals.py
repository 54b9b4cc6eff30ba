"""Which problems a route can give, and how the document shows them."""

from collections.abc import Iterator, Sequence
from inspect import cleandoc
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import fields

from backend import errors
from backend.errors import FieldError, Problem
from backend.faults import MEDIA_TYPE, body_of

_REQUEST_ID: Final = "0b5c9a52-3f0e-4d0f-8a3c-6d2f1b7e9c11"

_EVERYWHERE: Final = (errors.NotAcceptable, errors.ValidationFailed, errors.InternalError)
_WITH_TOKEN: Final = (errors.NotAuthenticated, errors.InvalidToken)
_WITH_BODY: Final = (
    errors.MalformedJson,
    errors.MalformedMsgpack,
    errors.BodyTimeout,
    errors.BodyTooLarge,
    errors.UnsupportedMediaType,
)
_WITH_STREAM: Final = (errors.BodyTimeout, errors.BodyTooLarge, errors.UnsupportedMediaType)
_WITH_DATABASE: Final = (errors.Overloaded, errors.DatabaseUnavailable, errors.DeadlineExceeded)

HEADERS: Final = {
    "X-Request-ID": "The id of the request: the UUID that came with it, or a new one.",
    "WWW-Authenticate": "`Bearer`, and what was wrong with the token that came (RFC 6750).",
    "Retry-After": "In how many seconds to come back.",
    "Link": 'The next page, relative, as `rel="next"` (RFC 8288); not on the last page.',
}


class ProblemDetails(Struct, frozen=True):
    """Why a request was refused (RFC 9457). `code` is stable, `type` is a page about it."""

    type: Annotated[str, Meta(description="`/problems/` and the code.")]
    title: str
    status: int
    detail: str
    instance: Annotated[str, Meta(description="`urn:uuid:` and the id of the request.")]
    code: str
    errors: Annotated[list[FieldError] | UnsetType, Meta(description="Each bad field and parameter.")] = UNSET


def open_to_anyone(handler: HTTPRouteHandler) -> bool:
    """Whether it needs no token."""
    return bool(handler.opt.get("exclude_from_auth"))


def refusals_of(handler: HTTPRouteHandler) -> list[type[Problem]]:
    """What the handler raises by name, and what stands between it and the caller: by status, each once.

    422 is everywhere, for no route takes a query parameter that it does not know.
    """
    kinds: list[Any] = [*_EVERYWHERE, *(handler.raises or ())]
    if not open_to_anyone(handler):
        kinds += _WITH_TOKEN
    if handler.parsed_data_field is not None:
        kinds += _WITH_BODY
    if handler.opt.get("reads"):
        kinds += _WITH_STREAM
    if "conn" in handler.parsed_fn_signature.parameters:
        kinds += _WITH_DATABASE
    return sorted(dict.fromkeys(kinds), key=attrgetter("status_code", "code"))


def responses_of(handler: HTTPRouteHandler) -> Iterator[tuple[str, dict[str, Any]]]:
    """The refusals as OpenAPI responses by status; each code is an example of its own."""
    for status, group in groupby(refusals_of(handler), key=attrgetter("status_code")):
        kinds = list(group)
        yield (
            str(status),
            {
                "description": "\n".join(f"- `{kind.code}`: {summary_of(kind)}" for kind in kinds),
                "headers": headers_of(status, kinds),
                "content": {
                    MEDIA_TYPE: {
                        "schema": {"$ref": "#/components/schemas/ProblemDetails"},
                        "examples": {kind.code: _example(kind, handler) for kind in kinds},
                    }
                },
            },
        )


def headers_of(status: int, kinds: Sequence[type[Problem]] = ()) -> dict[str, Any]:
    """The headers that an answer of this status always has, whichever of `kinds` it is."""
    names = ["X-Request-ID"]
    if status == errors.NotAuthenticated.status_code:
        names.append("WWW-Authenticate")
    waits = bool(kinds) and all(kind.retry_after for kind in kinds)
    if waits or status in (errors.TooManyAttempts.status_code, errors.Overloaded.status_code):
        names.append("Retry-After")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def summary_of(kind: type[Problem]) -> str:
    """The docstring of a refusal on one line."""
    return " ".join(cleandoc(kind.__doc__ or "").split())


def _example(kind: type[Problem], handler: HTTPRouteHandler) -> dict[str, Any]:
    """The body, as it would be written for this route."""
    problem = kind(errors=list(_errors(kind, handler)))
    return {"summary": kind.title, "value": msgspec.json.decode(body_of(problem, _REQUEST_ID))}


def _errors(kind: type[Problem], handler: HTTPRouteHandler) -> Iterator[FieldError]:
    body = handler.parsed_data_field
    if kind is errors.ValidationFailed and body is None:
        yield FieldError(code="unknown_parameter", message="There is no such parameter.", parameter="colour")
    elif kind is errors.ValidationFailed:
        yield FieldError(code="unknown_field", message="There is no such field.", pointer="/colour")
    elif kind is errors.WrongPassword and body is not None:
        current = fields(body.annotation)[0].encode_name  # Whoever asks for the password asks for it first.
        yield FieldError(code="wrong_password", message="Is not the current one.", pointer=f"/{current}")
