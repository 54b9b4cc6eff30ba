"""The query of a request: every parameter converted, or every bad one named as it was sent.

The framework would not name them so, and takes what it does not know.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final, get_args
from urllib.parse import parse_qsl

import msgspec
from litestar.enums import ParamType
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg
from litestar.types import HTTPScope
from msgspec import Struct, convert
from msgspec.structs import fields

from backend.errors import FieldError, ValidationFailed

_DIGITS: Final = re.compile("[0-9]{1,18}")
_KEPT: Final = "surrogateescape"
_REMEMBERED_BYTES: Final = 256  # A query may have 64 KiB, and what is remembered of others' is to stay small.


class Query(Struct, frozen=True):
    """`values` by the names that the handler has for them, without those that were not given."""

    values: Mapping[str, Any]
    errors: Sequence[FieldError]


_NOTHING: Final = Query({}, ())


def query_of(handler: HTTPRouteHandler, query: bytes) -> Query:
    """What the query string says to the handler."""
    if not query:
        return _NOTHING
    return _remembered(handler, query) if len(query) <= _REMEMBERED_BYTES else _read(handler, query)


def header_of(marks: ParameterKwarg, scope: HTTPScope) -> str | None:
    """The value of a header that may be left out.

    Raises ValidationFailed (422) when it is shorter or longer than its marks allow.
    """
    given = scope["state"]["headers"].get((marks.name or "").lower().encode())
    if given is None:
        return None
    text: str = given.decode("latin-1")
    least, most = marks.min_length or 0, marks.max_length or len(text)
    if not least <= len(text) <= most:
        message = f"Expected from {least} to {most} characters."
        raise ValidationFailed(errors=[_error("out_of_range", message, marks.name or "")])
    return text


class _Parameter(Struct, frozen=True):
    name: str
    kind: Any


@cache
def _parameters(handler: HTTPRouteHandler) -> Mapping[str, _Parameter]:
    """By the names that a client uses; Litestar files dependencies there too."""
    kinds = {field.name: field.type for field in fields(handler.signature_model)}
    return {
        getattr(field.kwarg_definition, "name", None) or name: _Parameter(name, kinds[name])
        for name, field in handler.parsed_fn_signature.parameters.items()
        if getattr(field.kwarg_definition, "param_type", None) == ParamType.QUERY and not field.is_di_field
    }


def names_of(handler: HTTPRouteHandler) -> set[str]:
    """The arguments that come from the query."""
    return {parameter.name for parameter in _parameters(handler).values()}


def _read(handler: HTTPRouteHandler, query: bytes) -> Query:
    # Bytes that are no UTF-8 become lone surrogates, which no text has.
    given = parse_qsl(query.decode(errors=_KEPT), keep_blank_values=True, errors=_KEPT)
    values: dict[str, Any] = {}
    errors = list(_converted(given, _parameters(handler), values))
    return Query(values, errors)


_remembered: Final = lru_cache(maxsize=1024)(_read)  # Most callers ask with one of a few queries.


def _converted(
    given: list[tuple[str, str]], known: Mapping[str, _Parameter], values: dict[str, Any]
) -> Iterator[FieldError]:
    """Fills `values`, and answers with what is wrong."""
    counts = Counter(name for name, _ in given)
    for name, value in dict(given).items():
        parameter = known.get(name)
        if parameter is None:
            yield _error("unknown_parameter", "There is no such parameter.", name)
        elif counts[name] > 1:
            yield _error("repeated_parameter", "May be given only once.", name)
        elif not _is_text(value):
            yield _error("invalid", "Expected UTF-8.", name)
        elif get_args(parameter.kind)[:1] == (int,) and not _DIGITS.fullmatch(value):
            yield _error("invalid", "Expected digits.", name)  # msgspec would take 5.0, 1e1 and the like.
        else:
            try:
                values[parameter.name] = convert(value, parameter.kind, strict=False)
            except msgspec.ValidationError as error:
                yield _error("invalid", str(error), name)


def _is_text(given: str) -> bool:
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True


def _error(code: str, message: str, parameter: str) -> FieldError:
    """Names and, in some messages, values come from outside, so they are capped."""
    return FieldError(code=code, message=message[:200], parameter=parameter[:100].encode(errors="replace").decode())
