"""Bodies and answers that come and go piece by piece: how many at once, and for how long nothing may move."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Final

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from backend.admission import SteppingOut
from backend.answers import Answer, Head, head_of
from backend.errors import Overloaded
from backend.exchange import Exchange
from backend.faults import problem_of

NDJSON: Final = "application/x-ndjson"
STALL_SECONDS: Final = 30.0
# What a reader is given at once, and what is compressed at once: a few milliseconds of the event loop.
_SLICE_BYTES: Final = 64 * 1024


class Streams:
    """Each stream keeps a connection to the database for as long as its client takes, so there may be only a few."""

    def __init__(self, most: int) -> None:
        self._free = most

    @contextmanager
    def one(self) -> Iterator[None]:
        """Raises Overloaded (503) where there are enough already."""
        if self._free <= 0:
            raise Overloaded
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def held(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same pieces, from the first to the last of which this is one of the streams."""
        with self.one():
            async with aclosing(pieces) as opened:  # type: ignore[type-var]  # An async generator.
                async for piece in opened:
                    yield piece


class Stream(Answer[AsyncIterator[bytes]]):
    """An answer of which each piece is sent while the next is made. What fails before the first is refused by name."""

    __slots__ = ()

    def rendered(self, scope: HTTPScope, head: Head, media_type: str, status_code: int) -> ASGIApp:
        """As with Answer; the status is 200."""
        kind = self.media_type or media_type
        return Streamed(self.content, [*(head | head_of(self.headers)).items(), (b"content-type", kind.encode())])


class Streamed:
    """The messages of a stream, as an ASGI application.

    The request has no deadline any more. Instead the reader has to take something every half minute: granian waits for
    a reader that stalls for ever, and cancels nothing when one goes away.
    """

    __slots__ = ("_headers", "_pieces")

    def __init__(self, pieces: AsyncIterator[bytes], headers: list[tuple[bytes, bytes]]) -> None:
        self._pieces, self._headers = pieces, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope["state"]["exchange"]
        exchange.lift_deadline()
        async with aclosing(self._pieces) as pieces:  # type: ignore[type-var]  # An async generator.
            with SteppingOut():
                piece = await anext(pieces, b"")
                await send({"type": "http.response.start", "status": 200, "headers": self._headers})
                if exchange.head:
                    await _send_head(piece, send)
                else:
                    await _send_all(piece, pieces, _Reader(receive, send))


class _Reader:
    """Whoever receives a stream, for as long as that goes on."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._send = send
        self._leaving = asyncio.create_task(_left(receive))

    async def takes(self, body: bytes, more_body: bool) -> bool:
        """False: has gone, or has taken nothing of this for half a minute."""
        sending = asyncio.ensure_future(
            self._send({"type": "http.response.body", "body": body, "more_body": more_body})
        )
        try:
            waiting = {sending, self._leaving}
            await asyncio.wait(waiting, timeout=STALL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if self._leaving.done() or not sending.done():
                return False
            sending.result()
            return True
        finally:
            sending.cancel()

    def forget(self) -> None:
        self._leaving.cancel()


async def _left(receive: Receive) -> None:
    """Ends when the client does."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_head(piece: bytes, send: Send) -> None:
    if piece:  # It decides what a compressed answer says of itself.
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_all(piece: bytes, pieces: AsyncIterator[bytes], reader: _Reader) -> None:
    """To the last message, unless the reader is lost or what makes the pieces has failed, which is logged.

    Without that message granian closes the connection, and a client sees that something is missing.
    """
    try:
        while piece:
            for start in range(0, len(piece), _SLICE_BYTES):
                if not await reader.takes(piece[start : start + _SLICE_BYTES], more_body=True):
                    return
            piece = await anext(pieces, b"")
        await reader.takes(b"", more_body=False)
    except Exception as error:  # It has begun, so there is no other answer to give.
        problem_of(error)
    finally:
        reader.forget()
