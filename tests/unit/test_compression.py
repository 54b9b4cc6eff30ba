"""What is compressed and how: every kind of answer, by an application that has nothing else."""

import gc
import gzip
import random
import zlib
from collections.abc import AsyncIterator
from typing import Any, Final, cast

import brotli
import httpx
import pytest
from litestar import Litestar
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import Struct

from backend.answers import Answer
from backend.compression import Compressed, coding_of
from backend.edge import Edge
from backend.errors import FieldError, ValidationFailed
from backend.faults import EXCEPTION_HANDLERS
from backend.handlers import delete, get
from backend.negotiation import Negotiation
from backend.settings import Settings

DECODED: Final = {"gzip": gzip.decompress, "br": brotli.decompress}
# The first one small, as the first line of an export is.
PIECES: Final = [b"first\n", *(random.Random(number).randbytes(40).hex().encode() * 50 for number in range(5))]


class Text(Struct, frozen=True):
    text: str


@get("/sized/{size:int}", media_type="text/plain")
async def sized(size: FromPath[int]) -> Answer[bytes]:
    return Answer(b"x" * size)


@get("/versioned")
async def versioned() -> Answer[Text]:
    return Answer(Text("x" * 2000), version=7)


@get("/small")
async def small() -> Answer[Text]:
    return Answer(Text("x"), version=7)


@get("/weak")
async def weak() -> Answer[bytes]:
    return Answer(b"x" * 2000, headers={"ETag": 'W/"7"'})


@get("/vary")
async def vary() -> Answer[bytes]:
    return Answer(b"x" * 2000, headers={"Vary": "Origin, accept-encoding"})


@get("/coded")
async def coded() -> Answer[bytes]:
    return Answer(gzip.compress(b"x" * 2000) + bytes(2000), headers={"Content-Encoding": "gzip", "ETag": '"7"'})


@get("/tokens", exclude_from_compression=True)
async def tokens() -> Answer[Text]:
    return Answer(Text("x" * 2000))


@delete("/nothing")
async def nothing() -> None:
    return None


@get("/refused")
async def refused() -> Answer[Text]:
    raise ValidationFailed(errors=[FieldError(code="invalid", message="x" * 2000)])


@get("/stream", media_type="application/x-ndjson")
async def stream() -> Stream:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in PIECES:
            yield piece

    return Stream(pieces())


@get("/broken", media_type="application/x-ndjson")
async def broken() -> Stream:
    async def pieces() -> AsyncIterator[bytes]:
        raise RuntimeError("before the first piece")
        yield b""

    return Stream(pieces())


ROUTES: Final = [sized, versioned, small, weak, vary, coded, tokens, nothing, refused, stream, broken]


@pytest.fixture
def app(settings: Settings) -> Edge:
    handlers = cast("dict[Any, Any]", EXCEPTION_HANDLERS)
    inner = Litestar(
        ROUTES,
        middleware=[Negotiation],
        response_class=Answer,
        exception_handlers=handlers,
        openapi_config=None,
        logging_config=None,
    )
    return Edge(inner, settings, lambda: False)


class Got(Struct):
    """An answer as it was sent."""

    status: int
    headers: dict[str, str]
    pieces: list[bytes]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def coding(self) -> str | None:
        return self.headers.get("content-encoding")

    @property
    def decoded(self) -> bytes:
        return DECODED[self.coding](self.body) if self.coding else self.body


async def ask(app: Any, path: str, method: str = "GET", **headers: str) -> Got:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": named}
    got = Got(0, {}, [])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            names = [name.decode() for name, _ in message["headers"]]
            assert names == sorted({name.lower() for name in names}, key=names.index)
            got.status = message["status"]
            got.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            got.pieces.append(message["body"])

    await app(scope, receive, send)
    return got


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        ("", ""),
        ("br", "br"),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("deflate, zstd", ""),
        ("broken, gzipped", ""),
        ("*", "br"),
        ("*;q=0", ""),
        ("br;q=0", ""),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.0, gzip;q=0.000", ""),
        ("gzip;q=0.9, br;q=0.8", "gzip"),
        ("gzip;q=0.8, br;q=0.8", "br"),
        ("br;q=0, *", "gzip"),
        ("gzip;q=0, *;q=0.1", "br"),
        ("identity", ""),
        ("identity, gzip;q=0.5", ""),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("*;q=0.9, br;q=0.2, gzip;q=0.2", ""),
        ("identity;q=0", ""),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("identity;q=0, *;q=0.1", "br"),
        ("gzip;q=nonsense", ""),
        ("gzip;q=7, br;q=-1", ""),
        (",;,;q=,", ""),
    ],
)
async def test_the_coding_is_the_one_that_weighs_most(app: Edge, accept_encoding: str, coding: str) -> None:
    assert coding_of(accept_encoding.encode()) == coding
    got = await ask(app, "/sized/5000", accept_encoding=accept_encoding)
    assert (got.status, got.coding or "") == (200, coding)
    assert got.decoded == b"x" * 5000


async def test_several_headers_are_one_list(app: Edge) -> None:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # Litestar's types, and httpx's.
    async with httpx.AsyncClient(transport=transport, base_url="http://lodestar.test") as client:
        del client.headers["accept-encoding"]
        for several in (["br;q=0.5", "gzip"], ["gzip", "br;q=0.5"], ["br;q=0", "*"]):
            answer = await client.get("/versioned", headers=[("accept-encoding", one) for one in several])
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.json() == {"text": "x" * 2000}


@pytest.mark.parametrize("coding", DECODED)
async def test_a_body_is_compressed_from_a_kibibyte_on_and_up_to_a_quarter_of_a_mebibyte(
    app: Edge, coding: str
) -> None:
    sizes = {0: None, 1: None, 1023: None, 1024: coding, 1025: coding, 262_144: coding, 262_145: None}
    for size, expected in sizes.items():
        got = await ask(app, f"/sized/{size}", accept_encoding=coding)
        assert (got.coding, got.decoded) == (expected, b"x" * size)
        assert got.headers["content-length"] == str(len(got.body))
        assert got.headers["vary"] == "Accept-Encoding"


async def test_without_the_header_nothing_is_compressed(app: Edge) -> None:
    got = await ask(app, "/versioned")
    assert (got.coding, got.headers["etag"], got.headers["vary"]) == (None, '"7"', "Accept, Accept-Encoding")


@pytest.mark.parametrize("coding", DECODED)
@pytest.mark.parametrize(("accept", "tag"), [("*/*", "7"), ("application/vnd.msgpack", "7-msgpack")])
async def test_a_strong_tag_says_the_coding(app: Edge, coding: str, accept: str, tag: str) -> None:
    got = await ask(app, "/versioned", accept=accept, accept_encoding=coding)
    assert (got.coding, got.headers["etag"]) == (coding, f'"{tag}-{coding}"')
    assert (await ask(app, "/small", accept=accept, accept_encoding=coding)).headers["etag"] == f'"{tag}"'
    assert (await ask(app, "/weak", accept_encoding=coding)).headers["etag"] == 'W/"7"'


@pytest.mark.parametrize("coding", DECODED)
async def test_one_strong_tag_is_always_the_same_bytes(app: Edge, coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await ask(app, "/versioned", accept_encoding=coding)
    monkeypatch.setattr("gzip.time.time", lambda: 7.0)
    assert (await ask(app, "/versioned", accept_encoding=coding)).body == first.body


@pytest.mark.parametrize("coding", DECODED)
async def test_a_304_carries_the_tag_by_which_it_was_named(app: Edge, coding: str) -> None:
    async def conditional(named: str, **headers: str) -> tuple[int, str]:
        got = await ask(app, "/versioned", if_none_match=named, accept_encoding=coding, **headers)
        if got.status == 304:
            assert (got.body, got.coding) == (b"", None)
            assert {"content-length", "content-type"}.isdisjoint(got.headers)
            assert got.headers["vary"] == "Accept, Accept-Encoding"
        return got.status, got.headers["etag"]

    tag = f'"7-{coding}"'
    for named in (tag, f"W/{tag}", f'"6", {tag}', f'"7", {tag}', f'{tag}, "7", "7-br", "7-gzip"'):
        assert await conditional(named) == (304, tag)
    assert await conditional('"7"') == (304, '"7"')
    assert await conditional("*") == (304, '"7"')
    for named in ('"6"', "7", '"7-msgpack"', f'"7-msgpack-{coding}"', '"7-deflate"', '"7-"', f"7-{coding}", ""):
        assert await conditional(named) == (200, tag)
    packed = f'"7-msgpack-{coding}"'
    assert await conditional(packed, accept="application/vnd.msgpack") == (304, packed)
    assert await conditional(tag, accept="application/vnd.msgpack") == (200, packed)


async def test_a_tag_of_the_plain_answer_is_preferred_where_no_coding_is_wanted(app: Edge) -> None:
    got = await ask(app, "/versioned", if_none_match='"7-br", "7-gzip", "7"')
    assert (got.status, got.headers["etag"]) == (304, '"7"')


@pytest.mark.parametrize("coding", DECODED)
async def test_vary_names_each_header_once(app: Edge, coding: str) -> None:
    got = await ask(app, "/vary", accept_encoding=coding)
    assert (got.coding, got.headers["vary"].lower()) == (coding, "origin, accept-encoding")
    got = await ask(app, "/stream", accept_encoding=coding)
    assert (got.coding, got.headers["vary"]) == (coding, "Accept-Encoding")


async def test_what_is_coded_already_stays_as_it_is(app: Edge) -> None:
    plain = await ask(app, "/coded")
    for coding in DECODED:
        got = await ask(app, "/coded", accept_encoding=coding)
        assert (got.body, got.headers["etag"], got.coding) == (plain.body, '"7"', "gzip")


@pytest.mark.parametrize("coding", DECODED)
async def test_nothing_and_a_refusal_go_as_they_are(app: Edge, coding: str) -> None:
    got = await ask(app, "/nothing", "DELETE", accept_encoding=coding)
    assert (got.status, got.body) == (204, b"")
    assert {"content-encoding", "content-length", "vary"}.isdisjoint(got.headers)
    got = await ask(app, "/refused", accept_encoding=coding)
    assert (got.status, got.coding, got.headers["content-type"]) == (422, None, "application/problem+json")
    assert len(got.body) > 1024


@pytest.mark.checklist(67)
@pytest.mark.parametrize("coding", DECODED)
@pytest.mark.parametrize("path", ["/sized/10", "/versioned", "/small", "/tokens", "/coded", "/stream", "/refused"])
async def test_head_has_the_headers_of_get(app: Edge, coding: str, path: str) -> None:
    same = {"accept_encoding": coding, "x_request_id": "3f2b8a4e-0c39-4b43-9d3b-0e9c5d1f7a10"}
    whole, head = await ask(app, path, **same), await ask(app, path, "HEAD", **same)
    assert (head.status, head.headers, head.body) == (whole.status, whole.headers, b"")


async def test_answers_with_tokens_are_never_compressed(app: Edge) -> None:
    for accept_encoding in ("br", "gzip", "*", "identity;q=0, br"):
        got = await ask(app, "/tokens", accept_encoding=accept_encoding)
        assert (got.coding, got.headers["vary"]) == (None, "Accept")


@pytest.mark.parametrize("coding", DECODED)
async def test_a_stream_is_compressed_piece_by_piece(app: Edge, coding: str) -> None:
    got = await ask(app, "/stream", accept_encoding=coding)
    assert (got.status, got.coding, got.decoded) == (200, coding, b"".join(PIECES))
    assert "content-length" not in got.headers
    sent = [piece for piece in got.pieces if piece]
    assert len(sent) >= len(PIECES)
    assert len(got.body) < sum(map(len, PIECES)) / 2


@pytest.mark.parametrize("coding", DECODED)
async def test_a_piece_is_sent_before_the_next_one_is_made(coding: str) -> None:
    """And can be read by then: whoever waits for the first line of an export does not wait for the last."""
    sent: list[bytes] = []
    decompressor = brotli.Decompressor() if coding == "br" else None
    unzip = zlib.decompressobj(31)

    async def inner(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number, piece in enumerate(PIECES):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            assert len(sent) == number + 1
            assert (decompressor.process(sent[-1]) if decompressor else unzip.decompress(sent[-1])) == piece
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            sent.append(message["body"])

    scope: Any = {"type": "http", "headers": [], "state": {}}
    await inner(scope, None, Compressed(send, coding, scope))
    assert len(sent) == len(PIECES) + 1


async def test_a_stream_that_fails_before_its_first_piece_is_a_whole_problem(app: Edge) -> None:
    for headers in ({"accept_encoding": "br"}, {"accept_encoding": "gzip"}):
        got = await ask(app, "/broken", **headers)
        assert (got.status, got.coding, got.headers["content-type"]) == (500, None, "application/problem+json")


@pytest.mark.parametrize("coding", DECODED)
@pytest.mark.parametrize("complete", [True, False])
async def test_a_stream_leaves_no_compressor_open_and_closes_none_twice(coding: str, complete: bool) -> None:
    """What is left open complains when it is collected, and a warning fails the test."""

    async def send(message: Any) -> None: ...

    compressed = Compressed(send, coding, {"type": "http", "headers": [], "state": {}})  # type: ignore[arg-type]
    await compressed({"type": "http.response.start", "status": 200, "headers": []})
    for piece in PIECES:
        await compressed({"type": "http.response.body", "body": piece, "more_body": True})
    if complete:
        await compressed({"type": "http.response.body", "body": b"", "more_body": False})
    await compressed.end()
    del compressed
    gc.collect()
