"""A client in a process of its own that costs little: it parses next to nothing, and keeps nothing of what it reads.

    python -m tests.benchmarks.bulk.client import|export|batch PORT [FILE SECONDS]

A token is on each line of its standard input. It prints how many rows there were and how long that took, as JSON.
"""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

_BLOCK: Final = 65_536
_NDJSON: Final = "application/x-ndjson"
# Nothing is this slow; without it a fault would last for ever.
_SECONDS: Final = 600


class Moved(Struct, frozen=True):
    """So many rows in so much time."""

    rows: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.rows / self.seconds


class _Answer(Struct):
    """What import and batch say; the items of a batch are skipped."""

    created: int


def _asked(
    connection: HTTPConnection, token: str, method: str, path: str, media: str = "", file: Path | None = None
) -> HTTPResponse:
    """The answer to a request, whose body is sent in chunks as it is read from the file."""
    headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": media} if media else {})
    with (file or Path("/dev/null")).open("rb") as body, suppress(BrokenPipeError, ConnectionResetError):
        # A refusal may come before the end of the body.
        connection.request(method, path, body if file else None, headers)
    answer = connection.getresponse()
    if answer.status not in {200, 201}:
        raise SystemExit(f"{method} {path} was answered {answer.status}: {answer.read(1000).decode()}")
    return answer


def _import(port: int, token: str, file: Path) -> Moved:
    began = time.perf_counter()
    answer = _asked(_connected(port), token, "POST", "/v1/items/import", _NDJSON, file).read()
    seconds = time.perf_counter() - began
    return Moved(msgspec.json.decode(answer, type=_Answer).created, seconds)


def _export(port: int, token: str) -> Moved:
    """Raises IncompleteRead when the stream ends before its end."""
    lines = 0
    began = time.perf_counter()
    answer = _asked(_connected(port), token, "GET", "/v1/items/export")
    while block := answer.read1(_BLOCK):
        lines += block.count(b"\n")
    return Moved(lines, time.perf_counter() - began)


def _batch(port: int, tokens: Sequence[str], file: Path, seconds: float) -> Moved:
    """A connection for each token, and on each one batch after the other until the time is over."""
    began = time.perf_counter()

    def again_and_again(token: str) -> int:
        connection, created = _connected(port), 0
        while time.perf_counter() < began + seconds:
            answer = _asked(connection, token, "POST", "/v1/items/batch", "application/json", file).read()
            created += msgspec.json.decode(answer, type=_Answer).created
        return created

    with ThreadPoolExecutor(len(tokens)) as pool:
        rows = sum(pool.map(again_and_again, tokens))
    return Moved(rows, time.perf_counter() - began)


def _connected(port: int) -> HTTPConnection:
    connection = HTTPConnection("127.0.0.1", port, timeout=_SECONDS, blocksize=_BLOCK)
    connection.connect()
    return connection


def main() -> None:
    what, port, *more = sys.argv[1:]
    tokens = sys.stdin.read().split()
    if what == "import":
        moved = _import(int(port), tokens[0], Path(more[0]))
    elif what == "export":
        moved = _export(int(port), tokens[0])
    else:
        moved = _batch(int(port), tokens, Path(more[0]), float(more[1]))
    sys.stdout.buffer.write(msgspec.json.encode(moved))


if __name__ == "__main__":
    main()
