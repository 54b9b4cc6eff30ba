"""Content codings: brotli and gzip where they are wanted (RFC 9110, 12.5.3) and worth it, by Litestar's middleware.

By itself that takes `br;q=0` for a wish, knows no entity tags and adds to Vary what is there already, and it has made
its compressor before there is anything to compress. So here is decided whether an answer is compressed and how, and
only one that is gets as far as Litestar.
"""

from functools import cache, lru_cache
from typing import Any, Final

from litestar.config.compression import CompressionConfig
from litestar.middleware.compression import CompressionMiddleware
from litestar.types import Message, Receive, Scope, Send

from backend.etags import CODINGS
from backend.weights import weights_of

SMALLEST: Final = 1024  # A smaller body is one packet either way.
LARGEST: Final = 256 * 1024  # A larger one would hold the event loop for some ten milliseconds and more.
# What a route says whose answers have a secret in them. Somebody who can have a guess of his reflected beside it learns
# from the length of the compressed answer how much of the guess is right (BREACH): tokens are never compressed.
EXCLUDED: Final = "exclude_from_compression"

# A page of items shrinks to an eighth in a tenth of a millisecond, in which nobody else is served. What more effort
# saves is not worth its time, and a larger window only the memory of a stream.
_CONFIG: Final = CompressionConfig(
    "brotli", minimum_size=1, brotli_quality=4, brotli_mode="generic", brotli_lgwin=18, gzip_compress_level=6
)


@lru_cache(maxsize=256)  # Bounded, for the key comes from outside.
def coding_of(accept_encoding: bytes) -> str:
    """The coding that weighs most, brotli on a tie; empty if none is accepted, or none at all weighs more."""
    weights = weights_of(accept_encoding.decode("latin-1"))
    others = weights.get("*", 0.0)
    best = max(CODINGS, key=lambda one: weights.get(one, others))
    weight = weights.get(best, others)
    return best if weight > 0 and weight >= weights.get("identity", others) else ""


class Compressed:
    """An answer on its way. Its start waits for the first piece of the body, which says whether it is compressed."""

    __slots__ = ("_coding", "_forward", "_is_complete", "_is_first", "_scope", "_send", "_start")

    def __init__(self, send: Send, coding: str, scope: Scope) -> None:
        self._coding, self._scope = coding, scope
        self._send = self._forward = send
        self._start: Message | None = None
        self._is_first = self._is_complete = False

    @property
    def has_begun(self) -> bool:
        """Whether there is an answer, be its start held back still."""
        return self._start is not None or self._forward is not self._send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if start := self._start:
            self._start = None
            if _is_worth_it(start, message):
                self._forward = _litestar().create_compression_send_wrapper(self._finish, self._coding, self._scope)
            await self._forward(start)
        self._is_complete = not message.get("more_body")
        await self._forward(message)

    async def end(self) -> None:
        """Closes the compressor of an answer that was left before its end."""
        if self._forward is not self._send and not self._is_complete:
            await self._forward({"type": "http.disconnect"})

    async def _finish(self, message: Message) -> None:
        """What Litestar has compressed, as it should be."""
        if message["type"] == "http.response.start":
            message["headers"] = [(name, self._header(name, value)) for name, value in message["headers"]]
            self._is_first = True
        elif message["type"] == "http.response.body" and self._is_first:
            self._is_first = False
            if self._coding == "gzip":
                # The time of its making, with which two answers of one strong tag would differ (RFC 1952, 2.3.1).
                message["body"] = message["body"][:4] + bytes(4) + message["body"][8:]
        await self._send(message)

    def _header(self, name: bytes, value: bytes) -> bytes:
        match name:
            case b"etag" if value.startswith(b'"'):
                return value[:-1] + b'-%b"' % self._coding.encode()
            case b"vary":
                return b", ".join({one.strip().lower(): one.strip() for one in value.split(b",")}.values())
        return value


@cache
def _litestar() -> CompressionMiddleware:
    """Of which only what wraps `send` is used."""

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None: ...

    return CompressionMiddleware(nothing, _CONFIG)


def _is_worth_it(start: Any, message: Any) -> bool:
    """Refusals go as they are: they are small, and not all of them come this way."""
    if start["status"] >= 400 or not (message.get("more_body") or SMALLEST <= len(message["body"]) <= LARGEST):
        return False
    return all(name != b"content-encoding" for name, _ in start["headers"])
