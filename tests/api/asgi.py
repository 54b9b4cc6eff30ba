"""Requests as an ASGI server makes them, for tests in which the client does what an HTTP library would not."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar.types import ASGIApp


def scope_of(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in ({"host": "lodestar.test"} | headers).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "scheme": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
        "root_path": "",
        "extensions": {},
    }


async def asked(app: ASGIApp, scope: dict[str, Any]) -> tuple[int, Any]:
    """The status, and what the JSON of the answer says, to a request without a body."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)  # type: ignore[arg-type]  # A scope as it is on the wire.
    start, *parts = sent
    return start["status"], msgspec.json.decode(b"".join(part["body"] for part in parts))
