"""Reads a body into its Struct, once; and when that fails, reads it again to name every bad field."""

from functools import cache
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import Empty
from msgspec import Meta

from backend.bad_fields import bad_fields, bounded, error_of
from backend.errors import BadRequest, BodyTooLarge, MalformedJson, ValidationFailed

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
    return bounded(field.annotation, [mark for mark in field.metadata if isinstance(mark, Meta)])


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
        errors = bad_fields(value, shape, "", password_min_length)
        raise ValidationFailed(errors=errors or [error_of("", str(error))]) from None
