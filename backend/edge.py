"""The outermost layer: what holds for every answer, also for those that never reach a route.

Request id, security headers, HEAD, the deadline of a request and its log line. Middleware of the framework would not
run for 401, 404 and 405.
"""

import asyncio
import re
from time import perf_counter
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from backend.errors import BodyTimeout, DeadlineExceeded, Problem
from backend.faults import MEDIA_TYPE, body_of, headers_of, problem_of
from backend.logs import REQUEST_ID, logs_requests
from backend.security.fingerprints import client_address
from backend.settings import Settings

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_NO_STORE: Final = (b"cache-control", b"no-store")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, 3.2.2.
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

_log = structlog.stdlib.get_logger("lodestar.requests")


class Edge:
    """Wraps the application; `scope["state"]["request_id"]` is the id by which everything speaks of a request."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._timeout = settings.request_timeout
        self._trusted_proxies = settings.trusted_proxies
        self._logs = logs_requests(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await self._exchange(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _exchange(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        request_id = _request_id(scope["headers"])
        scope["state"] = {"request_id": request_id}
        REQUEST_ID.set(request_id)
        method = scope["method"]
        if head := method == "HEAD":
            scope["method"] = "GET"
        status = 0

        async def reply(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _completed(message["headers"], request_id)
            elif head and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        waits_for_body = False

        async def read() -> Any:
            nonlocal waits_for_body
            waits_for_body = True
            message = await receive()
            waits_for_body = False
            return message

        loop, late = asyncio.get_running_loop(), None

        def expire() -> None:
            """Answers at once: a driver that waits for a silent server takes its time to be cancelled."""
            nonlocal late
            deadline.reschedule(loop.time())
            if not status:
                refusal = BodyTimeout() if waits_for_body else DeadlineExceeded()
                late = loop.create_task(_refuse(refusal, request_id, reply))

        timer = loop.call_later(self._timeout, expire)
        try:
            async with asyncio.timeout(None) as deadline:
                await self._app(scope, read if method in _WITH_BODY else receive, reply)
        except Exception as error:
            if not deadline.expired():
                problem = problem_of(error)
                if not status:
                    await _refuse(problem, request_id, reply)
        finally:
            timer.cancel()
            if late:
                await late
            if self._logs:
                self._note(scope, method, status, started)

    def _note(self, scope: HTTPScope, method: str, status: int, started: float) -> None:
        principal, trace = scope.get("user"), _header(scope["headers"], b"traceparent") or ""
        _log.info(
            "request",
            request_id=scope["state"]["request_id"],
            method=method,
            route=scope.get("path_template"),
            status=status,
            duration_ms=round((perf_counter() - started) * 1000, 2),
            client=client_address(scope, self._trusted_proxies),
            user_id=principal and str(principal.user_id),
            session_id=principal and str(principal.session_id),
            traceparent=trace if _TRACEPARENT.fullmatch(trace) else None,
        )


async def _refuse(problem: Problem, request_id: str, send: Send) -> None:
    body = body_of(problem, request_id)
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(body))} | headers_of(problem)
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status_code, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _completed(headers: Any, request_id: str) -> list[tuple[bytes, bytes]]:
    complete = [*headers, (b"x-request-id", request_id.encode()), _NOSNIFF]
    if not any(name == b"cache-control" for name, _ in complete):
        complete.append(_NO_STORE)
    return complete


def _request_id(headers: Any) -> str:
    """An incoming UUID is kept, so that a request can be followed across services; anything else is replaced."""
    if given := _header(headers, b"x-request-id"):
        try:
            return str(UUID(given))
        except ValueError:
            pass
    return str(uuid4())


def _header(headers: Any, wanted: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == wanted), None)
