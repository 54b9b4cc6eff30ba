"""Logs through structlog: JSON lines in production, UTC, one line an event, and never a secret."""

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from traceback import format_exception
from typing import Any, Final

import psycopg
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from backend.settings import Settings

# Set at the edge: whatever is logged while a request is answered carries its id.
REQUEST_ID: Final = ContextVar[str | None]("request_id", default=None)

_MASK: Final = "***"

# Secrets by the name under which somebody might log them, and by what they look like wherever they stand.
_SECRET_NAMES: Final = re.compile(
    r"password|secret|token|authorization|cookie|signing_key|conninfo|database_url", re.IGNORECASE
)
_SECRET_VALUES: Final = re.compile(
    r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]+"  # a JWS; tried once a word, or it would take quadratic time
    r"|lsr1_[\w-]+"  # a refresh token of ours
    r"|\$argon2\S+|\$2[aby]\$\S+"  # a stored hash
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # user:password in a URL
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
    re.DOTALL,
)


def configure_logs(settings: Settings) -> None:
    """Sends structlog and the standard library's loggers, granian's too, to one place in one shape."""
    shared: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _add_request_id,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.ExceptionRenderer(_traceback),
        redact,
        structlog.processors.JSONRenderer(default=str)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)


def logs_requests(settings: Settings) -> bool:
    """Whether a request's line is written at all: asked once, so that what is not written costs nothing."""
    return logging.getLevelNamesMapping()[settings.log_level] <= logging.INFO


def _add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if request_id := REQUEST_ID.get():
        event.setdefault("request_id", request_id)
    return event


def _traceback(exc_info: ExcInfo) -> str:
    """Without what the driver has to say in it, which holds values ("Failing row contains ...")."""
    text = "".join(format_exception(exc_info[1]))
    for error in _chain(exc_info[1]):
        if isinstance(error, psycopg.Error):
            for line in filter(str.strip, str(error).splitlines()):
                text = text.replace(line, _MASK)
    return text.rstrip()


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and whatever it was raised from, in the place of, or because of."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            pending += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Masks secrets by name and by look, and keeps control characters from forging a line of their own."""
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name):
        return _MASK
    if isinstance(value, Mapping):
        return {key: _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean("", inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    masked = _SECRET_VALUES.sub(_MASK, str(value))
    return masked if name == "exception" else _one_line(masked)


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
