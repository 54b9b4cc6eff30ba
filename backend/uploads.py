"""NDJSON as it comes in: line by line, decoded and judged while the rest is on its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

import msgspec
from litestar import Request

from backend.body import UNREADABLE
from backend.errors import BadRequest, BodyTimeout, BodyTooLarge, FieldError, Problem, ValidationFailed
from backend.exchange import Exchange
from backend.rereading import bad_fields
from backend.streams import STALL_SECONDS

_LONGEST_LINE: Final = 64 * 1024
# What is handed on at once: enough to make a statement worth its while, and little beside the memory of a worker.
_MOST_ROWS: Final = 1000
_MOST_BYTES: Final = 1024 * 1024
_READ_OUT_BYTES: Final = 64 * 1024 * 1024
_READ_OUT_SECONDS: Final = 5.0
# However few they are, so that a transaction whose client is slow is not idle for longer than somebody is silent.
_MOST_SECONDS: Final = 5.0


async def pieces(request: Request[Any, Any, Any], most: int) -> AsyncIterator[bytes]:
    """The body as it arrives; the request has no deadline any more, but each piece has.

    Raises BodyTooLarge (413) beyond `most` bytes, BodyTimeout (408) after half a minute without one, and BadRequest
    (400) when the client goes before it has sent everything.
    """
    exchange: Exchange = request.scope["state"]["exchange"]
    exchange.lift_deadline()
    received, more = 0, True
    while more:
        try:
            async with asyncio.timeout(STALL_SECONDS):
                message: Any = await request.receive()
        except TimeoutError:
            raise BodyTimeout from None
        if message["type"] == "http.disconnect":
            raise BadRequest
        piece = message.get("body", b"")
        received += len(piece)
        if received > most:
            raise BodyTooLarge
        more = message.get("more_body", False)
        if piece:
            yield piece


async def read_out(body: AsyncIterator[bytes]) -> None:
    """Takes what is still coming, for some seconds: a client that writes all before it reads gets as far as the refusal
    that waits for it (RFC 9112, 9.6).
    """
    left = _READ_OUT_BYTES
    with suppress(TimeoutError, Problem):
        async with asyncio.timeout(_READ_OUT_SECONDS):
            async for piece in body:
                left -= len(piece)
                if left < 0:
                    return


async def chunks[T](body: AsyncIterator[bytes], shape: type[T]) -> AsyncIterator[list[T]]:
    """The lines of a body in lists of up to a thousand, and whatever there is every few seconds, be it nothing. Empty
    lines are passed over, and counted.

    Raises ValidationFailed (422) for the first bad line: pointers begin with its number, the first being 1.
    """
    decoder = msgspec.json.Decoder(shape)
    found: list[T] = []
    size = number = 0
    loop = asyncio.get_running_loop()
    handed_on = loop.time()
    async for lines in _lines(body):
        for line in lines:
            number += 1
            if len(line) > _LONGEST_LINE:
                raise _refusal(number, "out_of_range", "The line is longer than 64 KiB.")
            if not line or line.isspace():
                continue
            try:
                found.append(decoder.decode(line))
            except UNREADABLE:
                found.append(_again(line, shape, number))
            size += len(line)
            if len(found) >= _MOST_ROWS or size >= _MOST_BYTES:
                yield found
                found, size, handed_on = [], 0, loop.time()
        if loop.time() - handed_on > _MOST_SECONDS:
            yield found
            found, size, handed_on = [], 0, loop.time()
    if found:
        yield found


async def _lines(body: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Those that each piece completes, and the last, which nothing need end. Of one that is too long just the start."""
    rest = b""
    async for piece in body:
        *whole, rest = (rest + piece).split(b"\n")
        yield whole
        if len(rest) > _LONGEST_LINE:
            break
    if rest:
        yield [rest]


def _again[T](line: bytes, shape: type[T], number: int) -> T:
    """The line after all, if a field was given twice and only at last as it should be."""
    try:
        value = msgspec.json.decode(line)
    except UNREADABLE:
        raise _refusal(number, "malformed_json", "The line is not valid JSON.") from None
    if errors := bad_fields(value, shape, f"/{number}"):
        raise ValidationFailed(errors=errors)
    return msgspec.convert(value, shape)


def _refusal(number: int, code: str, message: str) -> ValidationFailed:
    return ValidationFailed(errors=[FieldError(code=code, message=message, pointer=f"/{number}")])
