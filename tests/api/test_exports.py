"""An export: all of one's items in one stream, as they were when it began."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar

from backend import streams
from backend.app import at_the_edge
from backend.settings import Settings
from tests.api.acts import add_item
from tests.api.asgi import scope_of
from tests.api.shapes import ITEM
from tests.conftest import client_of, running
from tests.database import Connection, until
from tests.people import Person

MANY = """
INSERT INTO items (owner_id, title) SELECT %s, repeat('x', 150) || n FROM generate_series(1, %s) AS n
"""


async def export(client: httpx.AsyncClient, person: Person) -> list[Any]:
    answer = await client.get("/v1/items/export", headers=person)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert answer.content == b"" or answer.content.endswith(b"\n")
    return [json.loads(line) for line in answer.content.splitlines()]


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
async def test_every_item_is_exported_once_oldest_first(
    client: httpx.AsyncClient, ada: Person, bob: Person, superuser: Connection, count: int
) -> None:
    await superuser.execute(MANY, [ada.id, count])
    await add_item(client, bob)
    found = await export(client, ada)
    assert len(found) == count
    assert [one["title"].lstrip("x") for one in found] == [str(number) for number in range(1, count + 1)]
    assert all(list(one) == ITEM and one["owner_id"] == ada.id for one in found)


@pytest.mark.parametrize("coding", ["br", "gzip", "identity"])
async def test_an_export_is_one_line_in_the_log_in_any_coding(
    client: httpx.AsyncClient, ada: Person, superuser: Connection, coding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await superuser.execute(MANY, [ada.id, 2500])
    answer = await client.get("/v1/items/export", headers=ada | {"accept-encoding": coding})
    assert answer.headers.get("content-encoding", "identity") == coding
    assert len(answer.content.splitlines()) == 2500
    (line,) = capsys.readouterr().out.splitlines()
    assert "status=200" in line


async def test_an_item_is_exported_as_it_is_read(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add_item(client, ada, 'A "lens"\n\u2028 🦊', description="Old")
    assert await export(client, ada) == [item]


async def test_what_is_exported_can_be_imported(client: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    for number in range(3):
        await add_item(client, ada, f"Number {number}", description="x\n" if number else None)
    body = b"\n".join(
        json.dumps({"title": one["title"], "description": one["description"]}).encode()
        for one in await export(client, ada)
    )
    await client.post("/v1/items/import", content=body, headers=bob | {"content-type": "application/x-ndjson"})
    mine, his = await export(client, ada), await export(client, bob)
    assert [(one["title"], one["description"]) for one in mine] == [(one["title"], one["description"]) for one in his]


async def test_head_says_what_get_would_and_sends_nothing(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    await superuser.execute(MANY, [ada.id, 2500])
    got, head = [await client.request(method, "/v1/items/export", headers=ada) for method in ("GET", "HEAD")]
    assert (head.status_code, head.content) == (200, b"")
    without = {"x-request-id"}
    assert {n: v for n, v in head.headers.items() if n not in without} == {
        n: v for n, v in got.headers.items() if n not in without
    }


async def test_only_ndjson_is_offered(client: httpx.AsyncClient, ada: Person) -> None:
    for accept, status in (("application/x-ndjson", 200), ("*/*", 200), ("application/json", 406), ("text/html", 406)):
        assert (await client.get("/v1/items/export", headers=ada | {"accept": accept})).status_code == status


class Reader:
    """A client that takes what is sent to it one piece at a time, when it is told to."""

    def __init__(self, app: Any, person: Person) -> None:
        self.received: list[Any] = []
        self._takes, self._leaves = asyncio.Semaphore(0), asyncio.Event()
        self._asked = False
        scope = scope_of("GET", "/v1/items/export", person)
        self.over = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self._takes.acquire()
        self.received.append(message)

    def take(self, pieces: int) -> None:
        for _ in range(pieces):
            self._takes.release()

    def leave(self) -> None:
        self._leaves.set()

    @property
    def lines(self) -> list[bytes]:
        return b"".join(message.get("body", b"") for message in self.received).splitlines()

    @property
    def is_complete(self) -> bool:
        return bool(self.received) and self.received[-1].get("more_body") is False


async def begun(app: Any, person: Person, messages: int = 2) -> Reader:
    """A reader who has taken so many messages, of which the first is the head, and waits."""
    reader = Reader(app, person)
    reader.take(messages)
    await until(lambda: len(reader.received) == messages)
    return reader


@pytest.fixture
async def lone(settings_with: Callable[..., Settings]) -> AsyncIterator[tuple[Litestar, Any]]:
    """An application with a single connection."""
    settings = settings_with(POOL_MIN_SIZE="1", POOL_MAX_SIZE="1")
    async with running(settings) as app:
        yield app, at_the_edge(app, settings)


async def is_free(app: Litestar) -> bool:
    stats: dict[str, int] = app.state.pool.get_stats()
    return stats["pool_available"] == stats["pool_size"] == 1


async def test_an_export_shows_one_moment(
    lone: tuple[Litestar, Any], client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    await superuser.execute(MANY, [ada.id, 3500])
    reader = await begun(lone[1], ada)
    await superuser.execute("DELETE FROM items WHERE owner_id = %s", [ada.id])
    await add_item(client, ada, "Late")
    reader.take(1000)
    await reader.over
    assert reader.is_complete
    assert len(reader.lines) == 3500


async def test_a_reader_is_given_a_little_at_a_time(
    lone: tuple[Litestar, Any], ada: Person, superuser: Connection
) -> None:
    long = "SELECT %s, n, repeat('\u20ac', 2000) FROM generate_series(1, 1200) AS n"
    await superuser.execute(f"INSERT INTO items (owner_id, title, description) {long}".encode(), [ada.id])
    reader = Reader(lone[1], ada)
    reader.take(1000)
    await reader.over
    assert reader.is_complete
    assert len(reader.lines) == 1200
    assert max(len(message.get("body", b"")) for message in reader.received) <= 64 * 1024


async def test_a_reader_that_goes_away_frees_the_connection(
    lone: tuple[Litestar, Any], ada: Person, superuser: Connection
) -> None:
    await superuser.execute(MANY, [ada.id, 5000])
    reader = await begun(lone[1], ada)
    assert not await is_free(lone[0])
    reader.leave()
    await reader.over
    await until(lambda: is_free(lone[0]))
    assert not reader.is_complete


async def test_a_reader_that_stalls_frees_the_connection(
    lone: tuple[Litestar, Any], ada: Person, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STALL_SECONDS", 0.2)
    await superuser.execute(MANY, [ada.id, 5000])
    reader = Reader(lone[1], ada)
    reader.take(2)
    await reader.over
    await until(lambda: is_free(lone[0]))
    assert not reader.is_complete
    # Also before the very last message, when everything else has been taken.
    await superuser.execute("DELETE FROM items WHERE owner_id = %s", [ada.id])
    last = Reader(lone[1], ada)
    last.take(1)
    await last.over
    assert not last.is_complete


async def test_an_export_may_take_longer_than_a_request(
    settings_with: Callable[..., Settings], ada: Person, superuser: Connection
) -> None:
    await superuser.execute(MANY, [ada.id, 3500])
    settings = settings_with(REQUEST_TIMEOUT="0.3")
    async with running(settings) as app:
        reader = Reader(at_the_edge(app, settings), ada)
        for _ in range(4):
            reader.take(1)
            await asyncio.sleep(0.15)  # The passing of time is what this is about.
        reader.take(1000)
        await reader.over
    assert reader.is_complete
    assert len(reader.lines) == 3500


async def _ended(superuser: Connection) -> int:
    """Of the transactions that wait for their client, how many there were to end: while more is read there is none."""
    idle = "state LIKE 'idle in transaction%' AND datname = current_database()"
    ended = await superuser.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {idle}".encode())
    return ended.rowcount


async def test_an_export_whose_database_fails_ends_without_its_end(
    lone: tuple[Litestar, Any], ada: Person, superuser: Connection
) -> None:
    await superuser.execute(MANY, [ada.id, 5000])
    reader = await begun(lone[1], ada)
    await until(lambda: _ended(superuser))
    reader.take(1000)
    await reader.over
    assert not reader.is_complete
    assert 0 < len(reader.lines) < 5000


async def test_what_fails_before_the_first_line_is_refused_by_name(
    settings_with: Callable[..., Settings], ada: Person, superuser: Connection
) -> None:
    settings = settings_with()
    async with running(settings) as app, client_of(app, settings) as client:
        await superuser.execute("UPDATE sessions SET ended_at = now() WHERE user_id = %s", [ada.id])
        assert (await client.get("/v1/items/export", headers=ada)).status_code == 401


async def test_the_number_of_streams_comes_back_whatever_becomes_of_one(
    lone: tuple[Litestar, Any], ada: Person, superuser: Connection
) -> None:
    await superuser.execute(MANY, [ada.id, 5000])
    for _ in range(3):
        reader = await begun(lone[1], ada, messages=1)
        assert reader.received[0]["status"] == 200
        reader.leave()
        await reader.over
