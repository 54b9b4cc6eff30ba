"""The outermost layer: what holds for every answer, also for those that never reach a route.

Request id, security headers, HEAD, the deadline of a request and its log line. Middleware of the framework would not
run for 401, 404 and 405.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from os import urandom
from time import perf_counter
from typing import Any, Final
from uuid import UUID

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from backend.admission import HELD, Admission
from backend.cors import CrossOrigin
from backend.deadlines import Deadlines
from backend.errors import BadRequest, Overloaded
from backend.exchange import NO_STORE, NOSNIFF, Exchange, Headers
from backend.faults import MEDIA_TYPE, body_of, problem_of, refuse
from backend.headers import by_name, names_host
from backend.logs import REQUEST_ID, logs_requests
from backend.security.fingerprints import client_address
from backend.settings import Settings
from queries._sharing import MOST

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, 3.2.2.
_UUID: Final = re.compile(rb"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_VARIANT: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_HEALTH: Final = "/health/"  # Answered whatever else waits.
# Where log-in and sign-up hash a password first of all: when no more can be hashed they need not begin.
_HASHING: Final = frozenset({"/v1/login", "/v1/users"})
# As many as two full messages of shared reads: enough to keep loop and pool busy.
_SLOTS: Final = 2 * MOST
# A thousand callers who each wait for an answer have one each. Of more the last would wait half a second and longer.
_PLACES: Final = 1024
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

_NOBODY: Final = b"00000000-0000-0000-0000-000000000000"
_BUSY: Final = body_of(Overloaded(), _NOBODY.decode())
_BUSY_HEADERS: Final = [
    (b"content-type", MEDIA_TYPE.encode()),
    (b"content-length", b"%d" % len(_BUSY)),
    (b"retry-after", b"%d" % (Overloaded.retry_after or 0)),
    NOSNIFF,
    NO_STORE,
]

_log = structlog.stdlib.get_logger("lodestar.requests")


class Edge:
    """Wraps the application; `scope["state"]["request_id"]` is the id by which everything speaks of a request."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        hashing_is_full: Callable[[], bool],
        cross_origin: CrossOrigin | None = None,
    ) -> None:
        self._app = app
        self._cross_origin = cross_origin
        self._deadlines = Deadlines(settings.request_timeout)
        self._admission = Admission(_SLOTS, _PLACES, settings.pool_timeout)
        self._hashing_is_full = hashing_is_full
        self._trusted_proxies = settings.trusted_proxies
        self._logs = logs_requests(settings)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == ScopeType.HTTP:
            return self._answer(scope, receive, send)
        return self._app(scope, receive, send)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        started, method = perf_counter(), scope["method"]
        headers = by_name(scope["headers"])
        request_id = _request_id(headers.get(b"x-request-id"))
        state: dict[str, Any] = {"request_id": request_id, "headers": headers}
        scope["state"] = state
        also = self._cross_origin.said(headers) if self._cross_origin else ()
        admission = None if scope["path"].startswith(_HEALTH) else self._admission
        if admission and self._is_too_much(admission, scope):
            await _turn_away(request_id, send, method, also)
            if self._logs:
                self._note(scope, method, Overloaded.status_code, started)
            return
        state["exchange"] = exchange = Exchange(request_id, receive, send, method, self._deadlines, also)
        REQUEST_ID.set(request_id)
        if method == "HEAD":
            scope["method"] = "GET"
        self._deadlines.add(exchange.expire)
        admitted = False
        try:
            if scope.get("http_version") == "1.1" and not names_host(headers):
                raise BadRequest
            if admission:
                admitted = admission.enters() or await admission.enter()
                if not admitted:
                    raise Overloaded
                HELD.set(admission)
            await self._app(scope, exchange.read if method in _WITH_BODY else receive, exchange.reply)
        except asyncio.CancelledError:
            if not exchange.expired or exchange.task.cancelling() > 1:
                raise
        except Exception as error:
            if not exchange.expired:
                problem = problem_of(error)
                if not exchange.status:
                    await refuse(problem, exchange.request_id, exchange.reply)
        finally:
            if admission and admitted:
                admission.leave()
            exchange.lift_deadline()
            if exchange.expired:
                exchange.task.uncancel()
            if exchange.late:
                await exchange.late
            if self._logs:
                self._note(scope, method, exchange.status, started)

    def _is_too_much(self, admission: Admission, scope: HTTPScope) -> bool:
        """Asked before anything is done: in an overload most of the work is to refuse."""
        hashes = scope["method"] == "POST" and scope["path"] in _HASHING
        return admission.turns_away() or (hashes and self._hashing_is_full())

    def _note(self, scope: HTTPScope, method: str, status: int, started: float) -> None:
        principal, state = scope.get("user"), scope["state"]
        trace = state["headers"].get(b"traceparent", b"").decode("latin-1")
        _log.info(
            "request",
            request_id=state["request_id"],
            method=method,
            route=scope.get("path_template"),
            status=status,
            duration_ms=round((perf_counter() - started) * 1000, 2),
            client=client_address(scope, self._trusted_proxies),
            user_id=principal and str(principal.user_id),
            session_id=principal and str(principal.session_id),
            traceparent=trace if _TRACEPARENT.fullmatch(trace) else None,
        )


async def _turn_away(request_id: str, send: Send, method: str, also: Headers) -> None:
    """As `refuse` with Overloaded, out of what is ready."""
    named = request_id.encode()
    headers = [*_BUSY_HEADERS, (b"x-request-id", named), *also]
    body = b"" if method == "HEAD" else _BUSY.replace(_NOBODY, named)
    await send({"type": "http.response.start", "status": Overloaded.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _request_id(given: bytes | None) -> str:
    """An incoming UUID is kept, so that a request can be followed across services; anything else is replaced."""
    if given and _UUID.fullmatch(given):
        return str(UUID(given.decode()))
    # A UUID of version 4 (RFC 9562, 5.4), in a third of the time that the standard library takes.
    digits = urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"
