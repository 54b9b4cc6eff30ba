"""NDJSON as it comes in: line by line, decoded and judged while the rest is on its way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from litestar import Request

from backend.bad_fields import bad_fields
from backend.errors import BadRequest, BodyTimeout, BodyTooLarge, FieldError, ValidationFailed
from backend.streams import STALL_SECONDS

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_LONGEST_LINE: Final = 64 * 1024
# What is handed on at once: enough to make a statement worth its while, and little beside the memory of a worker.
_MOST_ROWS: Final = 1000
_MOST_BYTES: Final = 1024 * 1024


async def pieces(request: Request[Any, Any, Any], most: int) -> AsyncIterator[bytes]:
    """The body as it arrives; the request has no deadline any more, but each piece has.

    Raises BodyTooLarge (413) beyond `most` bytes, BodyTimeout (408) after half a minute without one, and BadRequest
    (400) when the client goes before it has sent everything.
    """
    request.scope["state"]["exchange"].lift_deadline()
    length = request.headers.get("content-length", "")
    size = int(length) if length.isdigit() else 0
    received, more = 0, True
    while more:
        if max(size, received) > most:
            raise BodyTooLarge
        try:
            async with asyncio.timeout(STALL_SECONDS):
                message: Any = await request.receive()
        except TimeoutError:
            raise BodyTimeout from None
        if message["type"] == "http.disconnect":
            raise BadRequest
        received += len(message.get("body", b""))
        more = message.get("more_body", False)
        if message.get("body"):
            yield message["body"]
    if received > most:
        raise BodyTooLarge


async def chunks[T](body: AsyncIterator[bytes], shape: type[T]) -> AsyncIterator[list[T]]:
    """The lines of a body in lists of up to a thousand. Empty lines are passed over, and counted.

    Raises ValidationFailed (422) for the first bad line: pointers begin with its number, the first being 1.
    """
    decoder = msgspec.json.Decoder(shape)
    found: list[T] = []
    size = number = 0
    async for lines in _lines(body):
        for line in lines:
            number += 1
            if len(line) > _LONGEST_LINE:
                raise _refusal(number, "out_of_range", "The line is longer than 64 KiB.")
            if not line or line.isspace():
                continue
            try:
                found.append(decoder.decode(line))
            except _UNREADABLE:
                raise _named(line, shape, number) from None
            size += len(line)
            if len(found) >= _MOST_ROWS or size >= _MOST_BYTES:
                yield found
                found, size = [], 0
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


def _named(line: bytes, shape: Any, number: int) -> ValidationFailed:
    try:
        errors = bad_fields(msgspec.json.decode(line), shape, f"/{number}")
    except _UNREADABLE:
        return _refusal(number, "malformed_json", "The line is not valid JSON.")
    return ValidationFailed(errors=errors) if errors else _refusal(number, "invalid", "A field is given twice.")


def _refusal(number: int, code: str, message: str) -> ValidationFailed:
    return ValidationFailed(errors=[FieldError(code=code, message=message, pointer=f"/{number}")])
