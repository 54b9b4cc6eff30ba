"""A wire to PostgreSQL that counts what is asked on it, and can fall silent or be cut.

It stands below the driver and believes nobody: it reads the frontend's messages (PostgreSQL's protocol, 54.7) as they
pass. What a client asks ends in a Query or a Sync; after a Flush it may wait as well, and whoever does has had a turn.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit, urlunsplit

import httpx
from litestar import Litestar

_CHUNK = 65_536
_ASKING = b"QS"
_FLUSH = b"H"
# What a client may send instead of its start-up message: "encrypt?", twice, and "cancel what another one runs".
_SPECIAL = frozenset({80877103, 80877104, 80877102})


class Trips(NamedTuple):
    """`asked`: messages that want an answer; `turns`: how often the client spoke after the server had."""

    asked: int
    turns: int


class Line:
    """One connection: what was asked on it after start-up, and whether its answers may pass."""

    def __init__(self, client: StreamWriter, server: StreamWriter) -> None:
        self.asked: list[str] = []
        self.turns = 0
        self.flows = asyncio.Event()
        self.flows.set()
        self._ends = client, server
        self._started, self._answered, self._buffer = False, True, b""
        self._saying: list[str] = []

    @property
    def counts(self) -> bool:
        """The readiness probe has a connection of its own, which is no request's."""
        return not any("schema_migrations" in text for text in self.asked[:1])

    def heard(self, chunk: bytes) -> None:
        """Takes note of what the client says."""
        self._buffer += chunk
        waits = False
        for kind, content in self._messages():
            if text := _said(kind, content):
                self._saying.append(text)
            if kind in _ASKING:
                self.asked.append(";".join(self._saying))
                self._saying.clear()
            waits |= kind in _ASKING or kind == _FLUSH
        if waits and self._answered:
            self.turns += 1
            self._answered = False

    def answered(self) -> None:
        self._answered = True

    def _messages(self) -> Iterator[tuple[bytes, bytes]]:
        while len(self._buffer) >= 4 + self._started:
            start = 1 if self._started else 0
            end = start + int.from_bytes(self._buffer[start : start + 4])
            if len(self._buffer) < end:
                return
            kind, content, self._buffer = self._buffer[:start], self._buffer[start + 4 : end], self._buffer[end:]
            if self._started:
                yield kind, content
            else:
                self._started = int.from_bytes(content[:4]) not in _SPECIAL

    def cut(self) -> None:
        """Ends the connection at once, for both sides."""
        for end in self._ends:
            end.transport.abort()


def _said(kind: bytes, content: bytes) -> str | None:
    """A Query as it is; a Parse and a Bind of the extended protocol as the SQL that says the same."""
    if kind == b"Q":
        return content.rstrip(b"\0").decode()
    if kind == b"P":
        name, text, _ = content.split(b"\0", 2)
        return f"PREPARE {name.decode()} AS {text.decode()}"
    if kind == b"B":
        _, name, rest = content.split(b"\0", 2)
        return f"EXECUTE {name.decode()}({','.join(_values(rest))})"
    return None


def _values(bound: bytes) -> Iterator[str]:
    """The values of a Bind, in hexadecimal those that do not travel as texts."""
    at = 2 * int.from_bytes(bound[:2]) + 2
    formats = bound[3:at:2] or b"\0"
    for number in range(int.from_bytes(bound[at : at + 2])):
        length = int.from_bytes(bound[at + 2 : at + 6], signed=True)
        value = bound[at + 6 : at + 6 + max(length, 0)]
        at += 4 + len(value)
        if length < 0:
            yield "NULL"
        else:
            yield f"x'{value.hex()}'" if formats[number % len(formats)] else f"'{value.decode()}'"


class Wire:
    """Made by `Wire.to(url)`; `url` is the same database through the wire."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._tasks: set[asyncio.Task[None]] = set()
        self.lines: list[Line] = []
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str) -> AsyncIterator[Self]:
        wire = cls(url)
        server = await asyncio.start_server(wire._accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        userinfo = wire._target.netloc.rpartition("@")[0]
        wire.url = urlunsplit(wire._target._replace(netloc=f"{userinfo}@127.0.0.1:{port}"))
        try:
            yield wire
        finally:
            server.close()
            wire.cut()
            await asyncio.gather(*wire._tasks)
            await server.wait_closed()

    @property
    def trips(self) -> Trips:
        """Of all connections but the readiness probe's, since they were opened."""
        counted = [line for line in self.lines if line.counts]
        return Trips(sum(len(line.asked) for line in counted), sum(line.turns for line in counted))

    @property
    def asked(self) -> list[str]:
        """Every message that a request has sent, connection by connection."""
        return [text for line in self.lines if line.counts for text in line.asked]

    @contextmanager
    def silent(self) -> Iterator[Callable[[], bool]]:
        """Within it the connections that are open get no answers; new ones, to cancel a statement, do.

        Answers with whether anything has been asked since.
        """
        held, before = list(self.lines), self.trips
        for line in held:
            line.flows.clear()
        try:
            yield lambda: self.trips != before
        finally:
            for line in held:
                line.flows.set()

    def cut(self) -> None:
        """Ends every connection."""
        for line in self.lines:
            line.cut()
            line.flows.set()

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        target_reader, target_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        line = Line(writer, target_writer)
        self.lines.append(line)
        await asyncio.gather(_ask(line, reader, target_writer), _answer(line, target_reader, writer))
        self._tasks.discard(task)


async def _ask(line: Line, reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            line.heard(chunk)
            writer.write(chunk)
            await writer.drain()
    await _close(writer)


async def _answer(line: Line, reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            await line.flows.wait()
            line.answered()
            writer.write(chunk)
            await writer.drain()
    await _close(writer)


async def _close(writer: StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


class Wired(NamedTuple):
    """An application with a single connection, which runs along a wire."""

    app: Litestar
    client: httpx.AsyncClient
    wire: Wire

    async def cost(self, method: str, path: str, **request: Any) -> tuple[int, int]:
        """The status of the answer, and the round trips that it took."""
        before = self.wire.trips
        answer = await self.client.request(method, path, **request)
        asked, turns = (now - then for now, then in zip(self.wire.trips, before, strict=True))
        assert asked == turns, "two messages wanted an answer in one turn, or one in two"
        return answer.status_code, turns
