"""Reads a body into its Struct, once; and when that fails, reads it again to name every bad field."""

from functools import cache
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import Empty
from msgspec import Meta

from backend.answers import MSGPACK
from backend.errors import BadRequest, BodyTooLarge, MalformedJson, MalformedMsgpack
from backend.rereading import bounded, read_json_again, read_msgpack_again, refuse_masses

# Of a body that anybody may send: whoever has not logged in shall not have a mebibyte of memory for nothing.
ANYBODYS_MAX_BYTES: Final = 16 * 1024
# A body may come in so many pieces, and in more if they are not tiny: each costs the event loop a turn.
_FREE_PIECES: Final = 1024
_LEAST_PIECE_BYTES: Final = 64
# Besides DecodeError: text that is no UTF-8, and a nesting that is deeper than the stack.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Body(Request[Any, Any, Any]):
    """The request class of the application: `json()` answers with the handler's Struct, decoded straight from bytes."""

    __slots__ = ()

    async def body(self) -> bytes:
        """Raises BodyTooLarge (413), also for one that comes crumb by crumb, and BadRequest (400) when the client goes
        before it has sent everything.
        """
        if self._body is Empty:
            most = self.route_handler.resolve_request_max_body_size()
            raw, pieces, more = bytearray(), 0, True
            while more:
                message: Any = await self.receive()
                if message["type"] == "http.disconnect":
                    raise BadRequest
                raw += message.get("body", b"")
                pieces += 1
                is_crumbs = len(raw) < (pieces - _FREE_PIECES) * _LEAST_PIECE_BYTES
                if is_crumbs or (most is not None and len(raw) > most):
                    raise BodyTooLarge
                more = message.get("more_body", False)
            self._body = self._connection_state.body = bytes(raw)
        return self._body

    async def json(self) -> Any:
        """Also of a body in MessagePack: which of the two it is was decided before (see `backend.negotiation`).

        Raises MalformedJson or MalformedMsgpack (400), and ValidationFailed (422, with every bad field).
        """
        raw = await self.body()
        packed = self.scope["state"].get("body_type") == MSGPACK
        decoder = _decoder(self.scope["route_handler"], packed)
        try:
            try:
                return decoder.decode(raw)
            except msgspec.ValidationError as error:
                least = self.app.state.settings.password_min_length
                if packed:
                    return read_msgpack_again(raw, decoder.type, least)
                refuse_masses(raw, error)
                return read_json_again(raw, decoder.type, least)
        except UNREADABLE:
            raise (MalformedMsgpack if packed else MalformedJson) from None


@cache
def _decoder(handler: HTTPRouteHandler, packed: bool) -> msgspec.json.Decoder[Any] | msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(shape_of(handler)) if packed else msgspec.json.Decoder(shape_of(handler))


def shape_of(handler: HTTPRouteHandler) -> Any:
    """The type of its body, with the bounds that are marked on it; Any for a handler that takes none."""
    field = handler.parsed_data_field
    if field is None:
        return Any
    return bounded(field.annotation, [mark for mark in field.metadata if isinstance(mark, Meta)])
