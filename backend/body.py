"""Reads a body into its Struct, once; and when that fails, reads it again to name every bad field."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import Empty
from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import FieldInfo, fields

from backend.contracts.passwords import weaknesses
from backend.contracts.text import NewPassword
from backend.errors import BadRequest, BodyTooLarge, FieldError, MalformedJson, ValidationFailed
from backend.faults import MOST_ERRORS

# Besides DecodeError: bytes that are no UTF-8, and a nesting that is deeper than the stack.
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_untyped: Final = msgspec.json.Decoder()


class Body(Request[Any, Any, Any]):
    """The request class of the application: `json()` answers with the handler's Struct, decoded straight from bytes."""

    __slots__ = ()

    async def body(self) -> bytes:
        """Raises BodyTooLarge (413), BadRequest (400) when the client goes before it has sent everything."""
        if self._body is Empty:
            most = self.route_handler.resolve_request_max_body_size()
            raw, more = bytearray(), True
            while more:
                message: Any = await self.receive()
                if message["type"] == "http.disconnect":
                    raise BadRequest
                raw += message.get("body", b"")
                if most is not None and len(raw) > most:
                    raise BodyTooLarge
                more = message.get("more_body", False)
            self._body = self._connection_state.body = bytes(raw)
        return self._body

    async def json(self) -> Any:
        """Raises MalformedJson (400) and ValidationFailed (422, with every bad field)."""
        raw = await self.body()
        decoder = _decoder(self.scope["route_handler"])
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError:
            return _read_again(raw, decoder.type, self.app.state.settings.password_min_length)
        except _UNREADABLE:
            raise MalformedJson from None


@cache
def _decoder(handler: HTTPRouteHandler) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape_of(handler))


def shape_of(handler: HTTPRouteHandler) -> Any:
    """The type of its body, with the bounds that are marked on it; Any for a handler that takes none."""
    field = handler.parsed_data_field
    if field is None:
        return Any
    return _bounded(field.annotation, [mark for mark in field.metadata if isinstance(mark, Meta)])


def _bounded(kind: Any, bounds: Sequence[Any]) -> Any:
    return Annotated[kind, *bounds] if bounds else kind


def _read_again(raw: bytes, shape: Any, password_min_length: int) -> Any:
    """msgspec stops at the first bad field, and stumbles over one that is given twice and only at last as it should be.
    So the body is read without a shape, and then converted: as a whole, and if that fails field by field."""
    try:
        value = _untyped.decode(raw)
    except _UNREADABLE:
        raise MalformedJson from None
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        errors = list(islice(_errors_in(value, shape, "", password_min_length), MOST_ERRORS))
        raise ValidationFailed(errors=errors or [_error("", str(error))]) from None


def _errors_in(value: Any, shape: Any, pointer: str, password_min_length: int) -> Iterator[FieldError]:
    """Every bad field of a Struct, and of each in a list of them; for anything else what msgspec says."""
    kind, *bounds = get_args(shape) if get_origin(shape) is Annotated else (shape,)
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Struct):
        yield from _errors_of(value, kind, pointer, password_min_length)
    elif isinstance(value, list) and get_origin(kind) is list and not _error_in(value, _bounded(list[Any], bounds), ""):
        for number, one in enumerate(value):
            yield from _errors_in(one, get_args(kind)[0], f"{pointer}/{number}", password_min_length)
    elif error := _error_in(value, shape, pointer):
        yield error


def _errors_of(
    value: dict[str, Any], shape: type[Struct], pointer: str, password_min_length: int
) -> Iterator[FieldError]:
    known = {field.encode_name: field for field in fields(shape)}
    for name, field in known.items():
        at = pointer + _pointer(name)
        if name not in value:
            if _required(field):
                yield FieldError(code="missing", message="This field is required.", pointer=at)
        elif error := _error_in(value[name], field.type, at):
            yield error
        elif field.type == NewPassword:
            about = {key: text for key in ("email", "full_name") if isinstance(text := value.get(key), str)}
            yield from weaknesses(value[name], at, password_min_length, **about)
    for name in value:
        if name not in known:
            yield FieldError(code="unknown_field", message="There is no such field.", pointer=pointer + _pointer(name))


def _error_in(value: Any, kind: Any, pointer: str) -> FieldError | None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return _error(pointer, str(error))
    return None


def _required(field: FieldInfo) -> bool:
    return field.default is NODEFAULT and field.default_factory is NODEFAULT


def _error(pointer: str, text: str) -> FieldError:
    """msgspec says "Expected `str`, got `int` - at `$.path`"; the path becomes part of the pointer."""
    message, _, path = text.partition(" - at `$")
    code = "out_of_range" if ("length" in message or ">=" in message or "<=" in message) else "invalid"
    if "matching regex" in message:
        message = "Has characters that are not allowed here, or is not of the expected form."
    return FieldError(code=code, message=message, pointer=pointer + path.rstrip("`").replace(".", "/"))


def _pointer(name: str) -> str:
    """RFC 6901: ~ and / are escaped. An unknown name comes from outside, so it is capped."""
    return "/" + name[:100].replace("~", "~0").replace("/", "~1")
