"""The open loop keeps to its schedule whatever the server does, and counts every answer."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.load.figures import Answered
from tests.load.openloop import OpenLoop, due_times, message, parsed

if sys.platform != "linux":
    pytest.skip("it uses epoll", allow_module_level=True)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nContent-Length: 0\r\n\r\n"
RUDE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
SECONDS = 20.0


@contextmanager
def answering(answer: Callable[[], bytes]) -> Iterator[int]:
    """The port of a server that answers each request with that; b"" ends the connection."""

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while connection.recv(65_536):
                if not (text := answer()):
                    return
                connection.sendall(text)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def asked(port: int, number: int, connections: int = 4, patience: float = SECONDS) -> OpenLoop:
    loop = OpenLoop(port, [message("GET", "/")], number * 10, 0.1, connections=connections, patience=patience)
    return loop.finished()


def test_requests_are_due_at_even_distances() -> None:
    assert due_times(4, 1) == [0, 0.25, 0.5, 0.75]
    assert len(due_times(397.3, 8)) == 3178


def test_a_request_is_whole() -> None:
    assert (
        message("GET", "/v1/items", "t")
        == b"GET /v1/items HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer t\r\n\r\n"
    )
    assert message("POST", "/", body=b"{}").endswith(b"application/json\r\nContent-Length: 2\r\n\r\n{}")


def test_an_answer_is_read_once_it_is_whole() -> None:
    assert [parsed(OK[:end]) for end in (0, 20, len(OK) - 1)] == [None, None, None]
    assert parsed(OK) == (200, False)
    assert parsed(BUSY) == (503, True)
    assert parsed(b"HTTP/1.1 204 No Content\r\n\r\n") == (204, False)


def test_every_request_is_counted_by_what_became_of_it() -> None:
    answers = iter([OK, BUSY, RUDE, b""] * 5)
    with answering(lambda: next(answers)) as port:
        loop = asked(port, 20, connections=1)
    found = Answered.of(loop.answers)
    assert (found.completed, found.refused, found.failed) == (5, 5, 10)
    assert sorted(one.due for one in loop.answers) == due_times(200, 0.1)


def test_requests_leave_although_those_before_them_are_not_answered() -> None:
    all_there = threading.Barrier(10)

    def answer() -> bytes:
        all_there.wait(SECONDS)
        return OK

    with answering(answer) as port:
        loop = asked(port, 10, connections=10)
    assert [one.status for one in loop.answers] == [200] * 10
    assert loop.starved == 0


def test_what_is_never_answered_is_a_failure_that_took_for_ever() -> None:
    never = threading.Event()
    with answering(lambda: OK if never.wait(SECONDS) else b"") as port:
        loop = asked(port, 3, connections=2, patience=0.1)
        never.set()
    assert [one.status for one in loop.answers] == [0, 0, 0]
    assert min(one.latency for one in loop.answers) == float("inf")
    assert loop.starved
