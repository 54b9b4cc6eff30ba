"""One route of the document: what it is called, what it takes and what it answers."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from inspect import cleandoc
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin

from litestar import Response
from litestar.datastructures import ResponseHeader
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg, PathParameter
from litestar.types import Empty
from litestar.typing import FieldDefinition
from litestar.utils import get_enum_string_value
from msgspec import Meta, to_builtins

from backend.answers import JSON, MSGPACK
from backend.body import shape_of
from backend.contracts.pages import Page
from backend.documentation.examples import example_of
from backend.documentation.refusals import headers_of, open_to_anyone, responses_of
from backend.negotiation import MERGE_PATCH

type Schemas = Mapping[Any, dict[str, Any]]

_BOUNDS: Final = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")

_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "ETags, or `*`: in one of these states the answer is 304, without content.",
}


class Answer(NamedTuple):
    """A success, or what else is no problem: its type (None: no content), media type and example."""

    kind: Any
    media_type: str
    example: object


def kinds_of(handler: HTTPRouteHandler) -> Iterator[Any]:
    """Every type that the document needs a schema of."""
    yield from (_kind_of(field) for field in _parameters(handler).values())
    if handler.parsed_data_field is not None:
        yield shape_of(handler)
    if "reads" in handler.opt:
        yield handler.opt["line"]
    yield from (answer.kind for answer in _answers(handler).values() if answer.kind is not None)


def operation_of(handler: HTTPRouteHandler, schemas: Schemas) -> dict[str, Any]:
    """An OpenAPI operation, with references to the components of the document."""
    module = handler.fn.__module__.rpartition(".")[2]
    text = cleandoc(handler.fn.__doc__ or "")
    answers = {str(status): _response(handler, status, one, schemas) for status, one in _answers(handler).items()}
    found: dict[str, Any] = {
        "tags": handler.resolve_tags(),
        "operationId": handler.operation_id or f"{module}_{handler.handler_name}",
        "summary": text.partition("\n")[0].partition(". ")[0].rstrip("."),
        "description": text,
        "security": [] if open_to_anyone(handler) else [{"bearer": []}],
        "parameters": [*_listed(handler, schemas)],
        "responses": dict(sorted((answers | dict(responses_of(handler))).items())),
    }
    if handler.parsed_data_field is not None:
        found["requestBody"] = _request_body(handler, shape_of(handler), schemas)
    elif reads := handler.opt.get("reads"):
        example = to_builtins(example_of(handler.opt["line"]))
        content = {"schema": schemas[handler.opt["line"]], "example": example}
        found["requestBody"] = {"required": True, "content": {reads: content}}
    return found


def _listed(handler: HTTPRouteHandler, schemas: Schemas) -> Iterator[dict[str, Any]]:
    """The parameters of the handler, and the header of a 304, which no handler reads itself (see `backend.answers`)."""
    yield from (_parameter(name, field, schemas) for name, field in _parameters(handler).items())
    if HTTPStatus.NOT_MODIFIED in (handler.responses or {}):
        yield _IF_NONE_MATCH


def _parameters(handler: HTTPRouteHandler) -> dict[str, FieldDefinition]:
    """Those of path and query, by the name that a client uses. A dependency would pass for one of the query."""
    return {
        field.kwarg_definition.name or name: field
        for name, field in handler.parsed_fn_signature.parameters.items()
        if isinstance(field.kwarg_definition, ParameterKwarg) and not field.is_di_field
    }


def _parameter(name: str, field: FieldDefinition, schemas: Schemas) -> dict[str, Any]:
    marks = field.kwarg_definition
    assert isinstance(marks, ParameterKwarg)
    in_path = isinstance(marks, PathParameter)
    place = "path" if in_path else marks.param_type.value
    default = {} if field.default in (Empty, None) else {"default": field.default}
    found: dict[str, Any] = {"name": name, "in": place, "required": in_path}
    found["schema"] = schemas[_kind_of(field)] | default
    if marks.description:
        found["description"] = marks.description
    if (example := marks.examples[0].value if marks.examples else example_of(field.annotation)) is not None:
        found["example"] = to_builtins(example)
    return found


def _kind_of(field: FieldDefinition) -> Any:
    """The type with its bounds. A parameter that may be left out cannot be null, whatever its handler makes of it."""
    kind = next(one for one in get_args(field.annotation) if one is not type(None)) if field.is_optional else None
    bounds = {name: getattr(field.kwarg_definition, name, None) for name in _BOUNDS}
    given = {name: value for name, value in bounds.items() if value is not None}
    kind = kind or field.annotation
    return Annotated[kind, Meta(**given)] if given else kind


def _request_body(handler: HTTPRouteHandler, kind: Any, schemas: Schemas) -> dict[str, Any]:
    content = {"schema": schemas[kind], "example": to_builtins(example_of(kind))}
    types = (JSON, MSGPACK, MERGE_PATCH) if handler.http_methods == {"PATCH"} else (JSON, MSGPACK)
    return {"required": True, "content": dict.fromkeys(types, content)}


def _answers(handler: HTTPRouteHandler) -> dict[int, Answer]:
    """What the handler returns, unless `responses` of its decorator says it better, and what else that says."""
    kind = handler.parsed_fn_signature.return_type.annotation
    if isinstance(given := get_origin(kind), type) and issubclass(given, Response):
        (kind,) = get_args(kind)
    kind = None if kind in (None, type(None)) else kind
    found = {handler.status_code: Answer(kind, get_enum_string_value(handler.media_type or JSON), example_of(kind))}
    for status, spec in (handler.responses or {}).items():
        example = spec.examples[0].value if spec.examples else example_of(spec.data_container)
        found[status] = Answer(spec.data_container, get_enum_string_value(spec.media_type), example)
    return found


def _response(handler: HTTPRouteHandler, status: int, answer: Answer, schemas: Schemas) -> dict[str, Any]:
    headers = headers_of(status)
    if get_origin(answer.kind) is Page:
        headers["Link"] = {"$ref": "#/components/headers/Link"}
    for header in sorted(handler.resolve_response_headers(), key=lambda one: one.name):
        headers[header.name] = _header(header)
    found: dict[str, Any] = {"description": HTTPStatus(status).phrase, "headers": headers}
    if answer.kind is not None:
        content = {"schema": schemas[answer.kind]}
        if answer.example is not None:
            content["example"] = to_builtins(answer.example)
        found["content"] = dict.fromkeys(
            (JSON, MSGPACK) if answer.media_type == JSON else (answer.media_type,), content
        )
    return found


def _header(header: ResponseHeader) -> dict[str, Any]:
    value = {} if header.value is None else {"const": header.value}
    description = {"description": header.description} if header.description else {}
    return {"schema": {"type": "string"} | value} | description
