"""The decorators of routes: Litestar's, except that arguments are bound in one step.

The framework gives each dependency a signature of its own to be converted by, converts once more what all of them made,
and parses the query again: a third of what a read costs. Whoever asks for more than plain functions give, a generator
or a dependency of a dependency, is served by the framework as ever.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from litestar import Litestar, Request
from litestar.datastructures import ResponseHeader
from litestar.di import Provide
from litestar.enums import ParamType
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg, PathParameter
from litestar.types import Empty, ExceptionHandlersMap, HTTPScope
from litestar.typing import FieldDefinition
from msgspec import Struct

from backend.compression import EXCLUDED
from backend.negotiation import offered
from backend.parameters import header_of, names_of, query_of


class Source(Struct, frozen=True):
    """What makes an argument: of the scope, or of the whole request, which then has to be made first."""

    make: Callable[[Any], Any]
    wants_request: bool = False


class Handler(HTTPRouteHandler):
    """A handler whose `Arguments` are made when its route is registered, if they can be."""

    arguments: "Arguments | None" = None
    _exception_handlers: "ExceptionHandlersMap | None" = None

    @property
    def signature_model(self) -> Any:
        """By which Litestar converts the arguments; those that are bound already it leaves as they are."""
        return self.arguments or super().signature_model

    def create_kwargs_model(self, path_parameters: Any) -> Any:
        self.arguments = Arguments.of(self)
        return self.arguments or super().create_kwargs_model(path_parameters)

    def on_registration(self, app: Litestar) -> None:
        super().on_registration(app)
        self._exception_handlers = super().resolve_exception_handlers()

    def resolve_exception_handlers(self) -> ExceptionHandlersMap:
        """Collected once, from all layers, where the framework would do so with every request."""
        return self._exception_handlers or super().resolve_exception_handlers()

    def resolve_response_headers(self) -> frozenset[ResponseHeader]:
        """With what the answer is chosen by (RFC 9110, 12.5.5), unless a layer says more about that itself."""
        said = super().resolve_response_headers()
        if self.status_code == HTTPStatus.NO_CONTENT or any(one.name.lower() == "vary" for one in said):
            return said
        chosen_by = [] if len(offered(self)) == 1 else ["Accept"]
        if not self.opt.get(EXCLUDED):
            chosen_by.append("Accept-Encoding")
        return said | {ResponseHeader(name="Vary", value=", ".join(chosen_by))} if chosen_by else said


class Arguments:
    """In the places of Litestar's KwargsModel, which collects arguments, and SignatureModel, which converts them."""

    dependency_batches: Final = ()

    def __init__(
        self, handler: Handler, sources: Mapping[str, Source], defaults: Mapping[str, Any], data: bool
    ) -> None:
        self._handler = handler
        self._of_scope = [(name, source.make) for name, source in sources.items() if not source.wants_request]
        self._of_request = [(name, source.make) for name, source in sources.items() if source.wants_request]
        self._defaults = dict(defaults)
        self.has_data = data
        self.wants_request = data or bool(self._of_request)
        self.has_kwargs = bool(sources or defaults or data)

    @classmethod
    def of(cls, handler: Handler) -> "Arguments | None":
        """None: there is one that only the framework knows how to make."""
        fields = dict(handler.parsed_fn_signature.parameters)
        data = fields.pop("data", None) is not None
        defaults = {name: fields.pop(name).default for name in names_of(handler)}
        sources = {name: _source_of(handler, name, field) for name, field in fields.items()}
        known = {name: source for name, source in sources.items() if source}
        return cls(handler, known, defaults, data) if known == sources and Empty not in defaults.values() else None

    async def to_kwargs(self, connection: Request[Any, Any, Any]) -> dict[str, Any]:
        arguments = self.without_body(connection.scope, connection)
        if self.has_data:
            arguments["data"] = await connection.json()
        return arguments

    def without_body(self, scope: HTTPScope, request: Request[Any, Any, Any] | None) -> dict[str, Any]:
        """All but `data`. The request is there if one `wants_request`."""
        arguments = {name: make(scope) for name, make in self._of_scope}
        for name, make in self._of_request:
            arguments[name] = make(request)
        if self._defaults:
            arguments |= self._defaults
            arguments.update(query_of(self._handler, scope["query_string"]).values)
        return arguments

    def parse_values_from_connection_kwargs(self, connection: object, kwargs: dict[str, Any]) -> dict[str, Any]:
        return kwargs


def _source_of(handler: HTTPRouteHandler, name: str, field: FieldDefinition) -> Source | None:
    if name == "request":
        return Source(lambda request: request, wants_request=True)
    if field.is_di_field:
        return _provided(handler.resolve_dependencies()[name])
    if isinstance(field.kwarg_definition, PathParameter):
        return Source(lambda scope: scope["path_params"][name])
    if isinstance(field.kwarg_definition, ParameterKwarg) and field.kwarg_definition.param_type == ParamType.HEADER:
        return Source(partial(header_of, field.kwarg_definition))
    return None


def _provided(provide: Provide) -> Source | None:
    """What a plain function makes: of nothing, the scope or the request."""
    function: Any = provide.dependency
    if (
        not inspect.isroutine(function)
        or inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
    ):
        return None
    match list(inspect.signature(function).parameters):
        case []:
            return Source(lambda _: function())
        case ["scope"]:
            return Source(function)
        case ["request"]:
            return Source(function, wants_request=True)
    return None


def get(path: str, **options: Any) -> Handler:
    return Handler(path, http_method="GET", **options)


def post(path: str, **options: Any) -> Handler:
    return Handler(path, http_method="POST", **options)


def put(path: str, **options: Any) -> Handler:
    return Handler(path, http_method="PUT", **options)


def patch(path: str, **options: Any) -> Handler:
    return Handler(path, http_method="PATCH", **options)


def delete(path: str, **options: Any) -> Handler:
    return Handler(path, http_method="DELETE", **options)
