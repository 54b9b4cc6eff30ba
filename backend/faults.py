"""From what was raised to what is answered: the one error shape, application/problem+json (RFC 9457)."""

from collections.abc import Callable
from traceback import walk_tb
from typing import Any, Final

import msgspec
import psycopg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException
from litestar.types import Send
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from backend import errors
from backend.answers import Answer
from backend.errors import BY_CONSTRAINT, BY_SQLSTATE, FieldError, Problem
from backend.security.passwords import HashPoolFull
from queries._sharing import ReadsOverloaded

MEDIA_TYPE: Final = "application/problem+json"

# What the framework itself raises, by status.
_BY_STATUS: Final = {
    400: errors.BadRequest,
    401: errors.NotAuthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    413: errors.BodyTooLarge,
}

_MOST_ERRORS: Final = 64
_MOST_BYTES: Final = 8 * 1024

_log = structlog.stdlib.get_logger("lodestar.faults")
_encode: Final = msgspec.json.Encoder().encode


class _Body(msgspec.Struct, omit_defaults=True):
    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[FieldError] | None = None


def body_of(problem: Problem, request_id: str) -> bytes:
    """The problem as JSON, at most 8 KiB: of very many field errors the first are named."""
    errors = list(problem.errors[:_MOST_ERRORS])
    while len(body := _body_of(problem, request_id, errors)) > _MOST_BYTES:
        errors = errors[: len(errors) // 2]
    return body


def _body_of(problem: Problem, request_id: str, errors: list[FieldError]) -> bytes:
    return _encode(
        _Body(
            type=f"/problems/{problem.code}",
            title=problem.title,
            status=problem.status_code,
            detail=problem.detail,
            instance=f"urn:uuid:{request_id}",
            code=problem.code,
            errors=errors or None,
        )
    )


def headers_of(problem: Problem) -> dict[str, str]:
    """The headers of its own that a problem has: a challenge, a time to come back, the methods allowed."""
    challenge = {"WWW-Authenticate": problem.challenge} if problem.challenge else {}
    return {**(problem.headers or {}), **challenge}


def problem_of(error: Exception) -> Problem:
    """What to answer to `error`. What nothing is known of is a fault: logged whole, answered bare."""
    match error:
        case Problem():
            return error
        case PoolTimeout() | TooManyRequests() | ReadsOverloaded() | HashPoolFull():  # Before psycopg.Error.
            return errors.Overloaded()
        case PoolClosed():
            return errors.DatabaseUnavailable()
        case psycopg.Error():
            return _of_database(error)
        case ValidationException():
            return _of_signature(error)
        case MethodNotAllowedException():
            return errors.MethodNotAllowed(headers={"Allow": with_head((error.headers or {}).get("allow", ""))})
        case HTTPException() if error.status_code in _BY_STATUS:
            return _BY_STATUS[error.status_code]()
        case _:
            _log.error("fault", exc_info=error)
            return errors.InternalError()


def _of_database(error: psycopg.Error) -> Problem:
    """Names and states only: the driver's text carries values ("Failing row contains ...") and is not logged either."""
    state, constraint = error.sqlstate or "", error.diag.constraint_name or ""
    kind = BY_CONSTRAINT.get(constraint) or next(
        (BY_SQLSTATE[part] for part in (state, state[:3], state[:2]) if part in BY_SQLSTATE), None
    )
    if kind is None and not state and isinstance(error, psycopg.OperationalError):
        kind = errors.DatabaseUnavailable  # The connection broke, so nobody said a state.
    if kind is None or kind is errors.DatabaseUnavailable:
        kinds = {"sqlstate": state, "constraint": constraint, "kind": type(error).__name__}
        _log.error("database_fault", **kinds, query=_query_of(error))
    return (kind or errors.InternalError)()


def _query_of(error: psycopg.Error) -> str | None:
    """The function of `queries` whose statement it was."""
    for frame, _ in walk_tb(error.__traceback__):
        module = frame.f_globals["__name__"]
        if module.startswith("queries.") and not module.startswith("queries._"):
            return f"{module}.{frame.f_code.co_name}"
    return None


def _of_signature(error: ValidationException) -> Problem:
    """A handler's arguments did not fit. Without a body at all there is no `data`: that is no JSON either."""
    found = error.extra if isinstance(error.extra, list) else []
    if any(one.get("key") == "data" for one in found):
        return errors.MalformedJson()
    return errors.ValidationFailed(
        errors=[
            FieldError(code="invalid", message=str(one.get("message", "")), parameter=str(one.get("key", "")))
            for one in found
        ]
    )


def with_head(allow: str) -> str:
    """Every GET answers HEAD, though not as a route of its own (see `backend.edge`)."""
    methods = {one.strip() for one in allow.split(",")}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


async def refuse(problem: Problem, request_id: str, send: Send) -> None:
    """Answers with the problem, as an ASGI application does."""
    body = body_of(problem, request_id)
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(body))} | headers_of(problem)
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status_code, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def answer(request: Request[Any, Any, Any], error: Exception) -> Answer[bytes]:
    """The exception handler of the application."""
    problem = problem_of(error)
    return Answer(
        content=body_of(problem, request.scope["state"]["request_id"]),
        status_code=problem.status_code,
        headers=headers_of(problem),
        media_type=MEDIA_TYPE,
    )


EXCEPTION_HANDLERS: Final[dict[int | type[Exception], Callable[..., Response[Any]]]] = {
    Exception: answer,
    HTTPException: answer,
}
