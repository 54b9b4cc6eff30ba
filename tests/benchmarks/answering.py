"""A wire that also reads what PostgreSQL answers: how many statements it says it has completed.

That counts what PostgreSQL did, whatever the messages look like that asked for it: several statements in one, an
EXECUTE, or one request's share of a message.
"""

from asyncio import StreamReader, StreamWriter
from typing import Final

from tests.wire import Wire

_COMPLETED: Final = b"C"
# The whole answer to "may this be encrypted?", instead of a message.
_NOT_ENCRYPTED: Final = b"N"


class Answers:
    """The backend's messages on one connection (PostgreSQL's protocol, 54.7): a letter, a length, a content."""

    def __init__(self) -> None:
        self.completed = 0
        self._buffer = b""

    def heard(self, chunk: bytes) -> None:
        if chunk == _NOT_ENCRYPTED and not self._buffer:
            return
        self._buffer += chunk
        while len(self._buffer) >= 5 and len(self._buffer) > (length := int.from_bytes(self._buffer[1:5])):
            self.completed += self._buffer[:1] == _COMPLETED
            self._buffer = self._buffer[1 + length :]


class CountingWire(Wire):
    """As Wire; `statements` counts on the same connections as its trips do."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._answers: dict[StreamWriter, Answers] = {}

    @property
    def statements(self) -> int:
        """Completed by PostgreSQL for all connections but the readiness probe's, since they were opened."""
        return sum(self._answers[line._ends[0]].completed for line in self.lines if line.counts)

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        answers, write = Answers(), writer.write
        self._answers[writer] = answers

        def overheard(data: bytes) -> None:
            answers.heard(data)
            write(data)

        writer.write = overheard  # type: ignore[assignment, method-assign]  # Only bytes are written here.
        await super()._accept(reader, writer)
