"""Logs through structlog: JSON lines in production, UTC, one line an event, and never a secret."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from backend.settings import Settings

_MASK: Final = "***"

# Secrets by the name under which somebody might log them, and by what they look like wherever they stand.
_SECRET_NAMES: Final = re.compile(
    r"password|secret|token|authorization|cookie|signing_key|conninfo|database_url", re.IGNORECASE
)
_SECRET_VALUES: Final = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+"  # a JWS
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
        structlog.processors.format_exc_info,
        redact,
        structlog.processors.JSONRenderer(default=str)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)


def logs_requests(settings: Settings) -> bool:
    """Whether a request's line is written at all: asked once, so that what is not written costs nothing."""
    return logging.getLevelNamesMapping()[settings.log_level] <= logging.INFO


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
    if isinstance(value, str):
        masked = _SECRET_VALUES.sub(_MASK, value)
        return masked if name == "exception" else _one_line(masked)
    return value


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
