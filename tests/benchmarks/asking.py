"""Requests asked of an application in process: without a client or a server, which would cost more than it does."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from litestar.types import ASGIApp


class Request(NamedTuple):
    scope: dict[str, Any]
    body: bytes


class Answer(NamedTuple):
    status: int
    body: bytes


def request(method: str, target: str, token: str | None = None, json: object = None) -> Request:
    """A request as granian hands it over; `target` is path and query."""
    path, _, query = target.partition("?")
    body = b"" if json is None else msgspec.json.encode(json)
    headers = [(b"host", b"lodestar.test")]
    if token:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    if body:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 49152),
        "server": ("127.0.0.1", 8000),
    }
    return Request(scope, body)


async def ask(app: ASGIApp, asked: Request) -> Answer:
    """The whole answer to one request."""
    status, chunks = 0, []

    async def receive() -> Any:
        return {"type": "http.request", "body": asked.body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            chunks.append(message["body"])

    await app({**asked.scope}, receive, send)  # type: ignore[arg-type]  # A copy: the edge writes into it.
    return Answer(status, b"".join(chunks))


async def ask_all(app: ASGIApp, asked: Iterable[Request]) -> Sequence[Answer]:
    """One after the other."""
    return [await ask(app, one) for one in asked]
