"""An open loop: requests leave when the schedule says so, whatever has become of those before them.

A closed loop (wrk, locust) asks again only after an answer, so it goes easy on a server that stalls, and its latency
leaves out what somebody else's request would have waited meanwhile ("coordinated omission", Gil Tene). Here latency
counts from the scheduled time. One thread with raw sockets, cheap enough not to be what is measured.
"""

import os
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from threading import Thread
from typing import Final, NamedTuple, Self

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"
# It wakes no more often than this to send: at thousands a second each wake-up would cost more than what it sends.
_TICK_SECONDS: Final = 0.0005
# And no more rarely than this to see whether it is over.
_IDLE_SECONDS: Final = 0.05


class Answer(NamedTuple):
    """`due` (since the schedule began) and `latency` in seconds. Status 0: the connection broke, or nothing came."""

    due: float
    latency: float
    status: int
    says_when: bool


def due_times(rate: float, seconds: float) -> list[float]:
    """When each request is due, in seconds since the schedule began: `rate` a second, evenly spaced."""
    return [number / rate for number in range(round(rate * seconds))]


def message(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    """A whole HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def parsed(buffer: bytes) -> tuple[int, bool] | None:
    """The status, and whether there is a Retry-After; None while the answer is not whole."""
    end = buffer.find(_END_OF_HEAD)
    if end < 0:
        return None
    head = buffer[:end].lower()
    _, _, rest = head.partition(_LENGTH)
    length = int(rest.split(b"\r\n", 1)[0] or 0)
    if len(buffer) < end + len(_END_OF_HEAD) + length:
        return None
    return int(head[9:12]), b"\r\nretry-after:" in head


class _Connection:
    """`due` is None while it is free."""

    __slots__ = ("buffer", "due", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.due: float | None = None


class OpenLoop:
    """Sends `requests` in turn to 127.0.0.1:`port`, `rate` a second for `seconds`, in a thread that starts at once.

    A request that finds all `connections` busy waits for one, and its latency with it: `starved` says how many did.
    An answer that has not come `patience` seconds after the end of the schedule never does. `begun` is when the
    schedule did (`time.monotonic`). With a `core` the thread stays on it.
    """

    def __init__(
        self,
        port: int,
        requests: Sequence[bytes],
        rate: float,
        seconds: float,
        *,
        connections: int = 64,
        patience: float = 5.0,
        core: int | None = None,
    ) -> None:
        self._port, self._requests = port, cycle(requests)
        self._due = deque(due_times(rate, seconds))
        self._asked = len(self._due)
        self._seconds, self._patience, self._core = seconds, patience, core
        self._epoll = select.epoll()
        self._connections: dict[int, _Connection] = {}
        self._free: deque[_Connection] = deque()
        for _ in range(connections):
            self._connect()
        self.answers: list[Answer] = []
        self.starved = 0
        self.begun = 0.0
        self._thread = Thread(target=self._run, name="open-loop", daemon=True)
        self._thread.start()

    def finished(self) -> Self:
        """Waits for the end of it."""
        self._thread.join()
        for connection in self._connections.values():
            connection.socket.close()
        self._epoll.close()
        self.answers += [Answer(self._seconds, float("inf"), 0, says_when=False)] * (self._asked - len(self.answers))
        return self

    def _connect(self) -> None:
        connection = _Connection(self._port)
        self._connections[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket, select.EPOLLIN)
        self._free.append(connection)

    def _run(self) -> None:
        if self._core is not None:
            os.sched_setaffinity(0, {self._core})  # Of the calling thread alone.
        self.begun = time.monotonic()
        woken = 0.0
        while len(self.answers) < self._asked and woken < self._seconds + self._patience:
            woken = time.monotonic() - self.begun
            self._send_what_is_due(woken)
            self._wait(woken)
            for number, _ in self._epoll.poll(0):
                self._read(self._connections[number])

    def _send_what_is_due(self, now: float) -> None:
        while self._due and self._due[0] <= now:
            if not self._free:
                self.starved += 1
                return
            connection = self._free.popleft()
            connection.due = self._due.popleft()
            # When it is broken, reading from it says so as well.
            with suppress(OSError):
                connection.socket.sendall(next(self._requests))

    def _wait(self, woken: float) -> None:
        """Until an answer comes or a request is due. `select`, for `epoll` counts in milliseconds."""
        due = self._due[0] if self._due and self._free else woken + _IDLE_SECONDS
        wake = max(due, woken + _TICK_SECONDS)
        select.select([self._epoll], (), (), max(self.begun + wake - time.monotonic(), 0))

    def _read(self, connection: _Connection) -> None:
        received = b""
        with suppress(OSError):
            received = connection.socket.recv(65_536)
        connection.buffer += received
        if not received:
            self._replace(connection)
        elif answer := parsed(connection.buffer):
            self._note(connection, *answer)
            self._free.append(connection)

    def _note(self, connection: _Connection, status: int, says_when: bool) -> None:
        assert connection.due is not None
        latency = time.monotonic() - self.begun - connection.due
        self.answers.append(Answer(connection.due, latency, status, says_when))
        connection.buffer, connection.due = b"", None

    def _replace(self, broken: _Connection) -> None:
        """One that broke while it was free was idle for too long, which is nobody's failure."""
        del self._connections[broken.socket.fileno()]
        broken.socket.close()
        if broken.due is None:
            self._free.remove(broken)
        else:
            self._note(broken, 0, says_when=False)
        self._connect()
