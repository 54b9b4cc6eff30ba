"""What the server claims and demands before it starts."""

import socket
from multiprocessing.context import ForkServerProcess

import pytest

from backend import server
from backend.operators import OperatorError
from backend.server import claimed_port
from backend.settings import Settings


def test_a_port_is_taken_as_soon_as_it_is_claimed_and_free_again_afterwards() -> None:
    with claimed_port("127.0.0.1", 0) as (_, port):
        with pytest.raises(OperatorError, match=f"Port {port} on 127.0.0.1 is taken"), claimed_port("127.0.0.1", port):
            pass
        with pytest.raises(OperatorError, match="is taken"), claimed_port("localhost", port):
            pass
    with claimed_port("127.0.0.1", port) as again:
        assert again == ("127.0.0.1", port)


def test_a_claim_gets_no_connections() -> None:
    with claimed_port("127.0.0.1", 0) as claimed, socket.socket() as client:
        assert client.connect_ex(claimed) != 0


def test_a_port_whose_last_connections_are_fading_can_be_claimed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address) as client:
            # Who closes first keeps the connection in TIME_WAIT.
            server.accept()[0].close()
            assert client.recv(1) == b""
    with claimed_port(*address) as again:
        assert again == address


def test_reload_without_what_watches_files_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "find_spec", lambda name: None)
    with pytest.raises(OperatorError, match="--reload needs the package watchfiles"):
        server.run(settings, "127.0.0.1", 0, reload=True)


def test_a_fork_is_asked_for_again_while_the_fork_server_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    refusals: list[Exception] = [ConnectionRefusedError(), EOFError()]

    def start(_: ForkServerProcess) -> None:
        if refusals:
            raise refusals.pop()

    monkeypatch.setattr(ForkServerProcess, "start", start)
    server._Forked().start()
    assert not refusals
