"""One request and its answer on their way, between the edge and the application."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from litestar.types import Message, Receive, Send

from backend.admission import SteppingOut
from backend.deadlines import Deadlines
from backend.errors import BodyTimeout, DeadlineExceeded
from backend.faults import refuse

NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
NO_STORE: Final = (b"cache-control", b"no-store")

type Headers = Sequence[tuple[bytes, bytes]]


class Exchange:
    """What passes by, as `scope["state"]["exchange"]`; `status` is 0 until the answer has begun. Each answer has `also`
    among its headers.
    """

    __slots__ = (
        "_also",
        "_deadlines",
        "_receive",
        "_send",
        "_waits_for_body",
        "expired",
        "head",
        "late",
        "request_id",
        "status",
        "task",
    )

    def __init__(
        self, request_id: str, receive: Receive, send: Send, method: str, deadlines: Deadlines, also: Headers
    ) -> None:
        self.request_id = request_id
        self.task: asyncio.Task[Any] = asyncio.current_task()  # type: ignore[assignment]  # A coroutine runs in one.
        self.status = 0
        self.expired = False
        self.late: asyncio.Task[None] | None = None
        self._receive, self._send = receive, send
        self.head = method == "HEAD"
        self._deadlines = deadlines
        self._also = also
        self._waits_for_body = False

    def reply(self, message: Message) -> Awaitable[None]:
        """What the application sends, until its time is up."""
        return _nowhere() if self.expired else self._reply(message)

    def _reply(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = _completed(message["headers"], self.request_id, self._also)
        elif self.head and message["type"] == "http.response.body":
            message["body"] = b""
        return self._send(message)

    async def read(self) -> Any:
        """A client that takes its time with a body takes nobody's place."""
        self._waits_for_body = True
        with SteppingOut():
            message = await self._receive()
        self._waits_for_body = False
        return message

    def lift_deadline(self) -> None:
        """The request is over, or may take its time."""
        self._deadlines.remove(self.expire)

    def expire(self) -> None:
        """Answers at once: a driver that waits for a silent server takes its time to be cancelled."""
        self.expired = True
        self.task.cancel()
        if not self.status:
            refusal = BodyTimeout() if self._waits_for_body else DeadlineExceeded()
            self.late = asyncio.get_running_loop().create_task(refuse(refusal, self.request_id, self._reply))


async def _nowhere() -> None:
    """Where the rest of an answer goes that comes too late."""


def _completed(headers: Any, request_id: str, also: Headers) -> list[tuple[bytes, bytes]]:
    complete = [*headers, (b"x-request-id", request_id.encode()), NOSNIFF, *also]
    for name, _ in headers:
        if name == b"cache-control":
            return complete
    complete.append(NO_STORE)
    return complete
