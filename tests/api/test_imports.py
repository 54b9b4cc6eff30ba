"""An import: lines that become items as they arrive, all of them or none."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar

from backend import uploads
from backend.app import at_the_edge
from backend.services import bulk
from backend.settings import Settings
from tests.api.asgi import scope_of
from tests.api.shapes import bad_fields, refused
from tests.conftest import client_of, running
from tests.database import Connection, rows, until
from tests.people import Person

NDJSON = {"content-type": "application/x-ndjson"}


def lines(count: int, start: int = 0) -> bytes:
    return b"".join(
        b'{"title":"Number %d","description":"of many"}\n' % number for number in range(start, start + count)
    )


async def send(client: httpx.AsyncClient, headers: Any, body: Any, **more: str) -> httpx.Response:
    return await client.post("/v1/items/import", content=body, headers=headers | NDJSON | more)


async def in_pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def titles(superuser: Connection, person: Person) -> list[str]:
    kept = await rows(superuser, "SELECT title FROM items WHERE owner_id = %s ORDER BY id", person.id)
    return [title for (title,) in kept]


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
async def test_each_line_becomes_an_item_in_the_order_of_the_lines(
    client: httpx.AsyncClient, ada: Person, superuser: Connection, count: int
) -> None:
    answer = await send(client, ada, lines(count))
    assert (answer.status_code, answer.json()) == (200, {"created": count})
    assert await titles(superuser, ada) == [f"Number {number}" for number in range(count)]


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_a_line_may_arrive_in_pieces(
    client: httpx.AsyncClient, ada: Person, superuser: Connection, size: int
) -> None:
    answer = await send(client, ada, in_pieces('{"title":"Grüße 🦊"}\r\n\n  \n{"title":"x"}'.encode(), size))
    assert answer.json() == {"created": 2}
    assert await titles(superuser, ada) == ["Grüße 🦊", "x"]


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        (b'{"title":7,"description":[]}', {"/{n}/title": "invalid", "/{n}/description": "invalid"}),
        (b'{"title":"' + b"x" * 201 + b'"}', {"/{n}/title": "out_of_range"}),
        (b'{"title":"x","colour":"red"}', {"/{n}/colour": "unknown_field"}),
        (b'{"title":"a","title":7,"title":""}', {"/{n}/title": "out_of_range"}),
        (b"{}", {"/{n}/title": "missing"}),
        (b"7", {"/{n}": "invalid"}),
        (b'[{"title":"x"}]', {"/{n}": "invalid"}),
        (b"null", {"/{n}": "invalid"}),
        (b"{", {"/{n}": "malformed_json"}),
        (b'{"title":"x"} {"title":"y"}', {"/{n}": "malformed_json"}),
        (b'{"title":"\xff"}', {"/{n}": "malformed_json"}),
        (b"\xef\xbb\xbf{}", {"/{n}": "malformed_json"}),
        (b"[" * 60_000, {"/{n}": "malformed_json"}),
        (b'{"title":"x"' + b" " * 65_536 + b"}", {"/{n}": "out_of_range"}),
        (b'{"title":"\\u0000"}', {"/{n}/title": "invalid"}),
    ],
)
@pytest.mark.parametrize("before", [0, 2, 1500])
async def test_a_bad_line_is_named_by_its_number_and_nothing_is_kept(
    client: httpx.AsyncClient,
    ada: Person,
    superuser: Connection,
    line: bytes,
    bad: dict[str, str],
    before: int,
) -> None:
    answer = await send(client, ada, lines(before) + line + b"\n" + lines(5))
    assert bad_fields(answer) == {pointer.format(n=before + 1): code for pointer, code in bad.items()}
    assert await titles(superuser, ada) == []


async def test_of_a_field_that_is_given_twice_the_last_counts_as_everywhere(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    assert (await send(client, ada, b'{"title":7,"title":"last"}')).json() == {"created": 1}
    assert await titles(superuser, ada) == ["last"]


async def test_of_what_is_refused_the_rest_is_read_and_not_for_ever(
    client: httpx.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes all before he reads gets as far as the refusal, be it of a line that does not end."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        sent = 0
        while sent < 100:
            sent += 1
            yield b"x" * 10_000

    assert bad_fields(await send(client, ada, endless())) == {"/1": "out_of_range"}
    assert sent == 100
    monkeypatch.setattr(uploads, "_READ_OUT_BYTES", 100_000)
    assert bad_fields(await send(client, ada, endless())) == {"/1": "out_of_range"}
    assert sent < 30


@pytest.mark.parametrize("chunked", [True, False])
async def test_an_import_has_a_size_that_it_may_have(
    settings_with: Callable[..., Settings], ada: Person, superuser: Connection, chunked: bool
) -> None:
    body = lines(30_000)  # More than other bodies may have.
    settings = settings_with(IMPORT_MAX_BYTES=str(len(body)))
    async with running(settings) as app, client_of(app, settings) as client:
        larger = body + b"\n"
        content: Any = in_pieces(larger, 50_000) if chunked else larger
        refused(await send(client, ada, content), 413, "body_too_large")
        assert await titles(superuser, ada) == []
        assert (await send(client, ada, body)).json() == {"created": 30_000}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/ndjson", ""])
async def test_only_ndjson_is_read_so(client: httpx.AsyncClient, ada: Person, content_type: str) -> None:
    answer = await client.post("/v1/items/import", content=b"", headers=ada | {"content-type": content_type})
    refused(answer, 415, "unsupported_media_type")


async def test_an_item_is_no_ndjson(client: httpx.AsyncClient, ada: Person) -> None:
    answer = await client.post("/v1/items", content=lines(1), headers=ada | NDJSON)
    refused(answer, 415, "unsupported_media_type")


async def test_what_the_database_refuses_leaves_nothing(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    await superuser.execute("ALTER TABLE items ADD CONSTRAINT no_import CHECK (title <> 'Number 1700') NOT VALID")
    try:
        refused(await send(client, ada, lines(2500)), 422, "validation_failed")
    finally:
        await superuser.execute("ALTER TABLE items DROP CONSTRAINT no_import")
    assert await titles(superuser, ada) == []


async def test_an_import_that_is_sent_again_is_answered_again_and_not_kept_again(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    first = await send(client, ada, lines(1200), **{"idempotency-key": "k"})
    assert (first.status_code, "idempotent-replayed" in first.headers) == (200, False)
    again = await send(client, ada, in_pieces(lines(1200), 999), **{"idempotency-key": "k"})
    assert (again.status_code, again.json()) == (200, {"created": 1200})
    assert again.headers["idempotent-replayed"] == "true"
    other = await send(client, ada, lines(1201), **{"idempotency-key": "k"})
    refused(other, 422, "idempotency_key_reused")
    assert len(await titles(superuser, ada)) == 1200


async def test_a_refused_import_frees_its_key(client: httpx.AsyncClient, ada: Person) -> None:
    bad_fields(await send(client, ada, b"{}", **{"idempotency-key": "k"}))
    assert (await send(client, ada, lines(1), **{"idempotency-key": "k"})).json() == {"created": 1}


class Upload:
    """A client that sends what it is told to, when it is told to."""

    def __init__(self, client: httpx.AsyncClient, person: Person, **headers: str) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.answer = asyncio.create_task(send(client, person, self._body(), **headers))

    async def _body(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def end(self) -> httpx.Response:
        self._pieces.put_nowait(None)
        return await self.answer

    def send(self, piece: bytes) -> None:
        self._pieces.put_nowait(piece)


async def is_importing(superuser: Connection) -> bool:
    return await are_importing(superuser, 1)


async def are_importing(superuser: Connection, number: int) -> bool:
    open_ones = "SELECT FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"
    return len(await rows(superuser, open_ones)) >= number


async def test_while_one_imports_under_a_key_others_are_told_at_once(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    first = Upload(client, ada, **{"idempotency-key": "k"})
    first.send(lines(1500))
    await until(lambda: is_importing(superuser))
    refused(await send(client, ada, lines(1), **{"idempotency-key": "k"}), 409, "idempotency_key_in_use")
    assert (await first.end()).json() == {"created": 1500}


async def test_a_worker_has_a_few_streams_and_refuses_the_next(
    settings_with: Callable[..., Settings], ada: Person, superuser: Connection
) -> None:
    settings = settings_with(POOL_MAX_SIZE="8")
    async with running(settings) as app, client_of(app, settings) as client:
        busy = [Upload(client, ada) for _ in range(2)]
        for upload in busy:
            upload.send(lines(1))
        await until(lambda: are_importing(superuser, 2))
        refused(await send(client, ada, lines(1)), 503, "overloaded")
        refused(await client.get("/v1/items/export", headers=ada), 503, "overloaded")
        assert (await client.get("/v1/items", headers=ada)).status_code == 200
        for upload in busy:
            assert (await upload.end()).status_code == 200
        assert (await send(client, ada, lines(1))).status_code == 200


async def test_an_import_may_take_longer_than_a_request_as_long_as_something_arrives(
    settings_with: Callable[..., Settings], ada: Person, superuser: Connection
) -> None:
    settings = settings_with(REQUEST_TIMEOUT="0.3")
    async with running(settings) as app, client_of(app, settings) as client:
        upload = Upload(client, ada)
        for number in range(4):
            upload.send(lines(1, number))
            await asyncio.sleep(0.15)  # The passing of time is what this is about.
        assert (await upload.end()).json() == {"created": 4}


async def test_a_slow_import_is_not_ended_by_the_database(
    client: httpx.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_IDLE_SECONDS", 0.6)
    monkeypatch.setattr(uploads, "_MOST_SECONDS", 0.1)
    upload = Upload(client, ada)
    for number in range(8):
        upload.send(lines(1, number) if number % 2 else b"\n")
        await asyncio.sleep(0.2)  # The passing of time is what this is about.
    assert (await upload.end()).json() == {"created": 4}


async def test_what_waits_for_a_statement_is_bounded_in_bytes_too() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b'{"title":"x","description":"' + b"y" * 60_000 + b'"}\n'

    held = [len(chunk) for chunk in [chunk async for chunk in uploads.chunks(body(), dict)]]
    assert sum(held) == 200
    assert max(held) * 60_000 < 2 * uploads._MOST_BYTES


async def test_an_import_ends_with_its_session(
    client: httpx.AsyncClient, ada: Person, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little of it comes, and it keeps nothing."""
    monkeypatch.setattr(uploads, "_MOST_SECONDS", 0.0)
    upload = Upload(client, ada)
    upload.send(lines(1))
    await until(lambda: is_importing(superuser))
    assert (await client.post("/v1/logout", headers=ada)).status_code == 204
    upload.send(b"\n")
    upload.send(b"\n")
    refused(await upload.end(), 401, "invalid_token")
    assert await titles(superuser, ada) == []


async def test_an_import_under_a_key_is_in_nobodys_way(
    client: httpx.AsyncClient, ada: Person, bob: Person, superuser: Connection
) -> None:
    keyed = {"idempotency-key": "k"}
    await client.post("/v1/items", json={"title": "Old"}, headers=bob | keyed)
    await superuser.execute("UPDATE idempotency_keys SET expires_at = now() - interval '99 days'")
    upload = Upload(client, ada, **keyed)
    upload.send(lines(1500))
    await until(lambda: is_importing(superuser))
    assert (await client.post("/v1/items", json={"title": "New"}, headers=bob | keyed)).status_code == 201
    assert (await upload.end()).json() == {"created": 1500}


async def test_what_is_said_to_be_too_large_is_refused_before_anything_else(
    settings_with: Callable[..., Settings], ada: Person
) -> None:
    settings = settings_with(IMPORT_MAX_BYTES="100")
    async with running(settings) as app, client_of(app, settings) as client:
        headers = ada | NDJSON | {"idempotency-key": ""}
        answer = await client.post("/v1/items/import?colour=red", content=lines(100), headers=headers)
        refused(answer, 413, "body_too_large")


async def test_an_upload_that_stalls_is_over_and_leaves_nothing(
    client: httpx.AsyncClient, ada: Person, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "STALL_SECONDS", 0.2)
    for _ in range(3):  # One more than there may be at once.
        upload = Upload(client, ada)
        upload.send(lines(1500))
        refused(await upload.answer, 408, "body_timeout")
    assert await titles(superuser, ada) == []
    assert not await is_importing(superuser)


async def test_an_upload_that_is_cut_leaves_nothing_and_is_a_line_at_info(
    app: Litestar, settings: Settings, ada: Person, superuser: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[Any] = []
    coming = [{"type": "http.request", "body": lines(1500), "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await at_the_edge(app, settings)(scope_of("POST", "/v1/items/import", ada | NDJSON), receive, send)
    assert sent[0]["status"] == 400
    assert await titles(superuser, ada) == []
    (line,) = capsys.readouterr().out.splitlines()
    assert "info" in line
    assert "status=400" in line
