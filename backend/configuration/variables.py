"""Every variable of the configuration with its type, default and range, in the order of the contract's table.

Nothing is judged here beyond the single value; `rules` compares them with each other.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from environs import ValidationError, validate

from backend.configuration.cpus import available_cpus
from backend.configuration.sources import Environment
from backend.security.database_urls import is_host

_DAY: Final = 86_400
# Scheme, host and port and nothing else: what a browser sends in Origin (RFC 6454, section 6.2).
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


def read(env: Environment) -> dict[str, Any]:
    """Every setting by the name of its field; secrets are still text.

    A value that is wrong is None, and `env.problems()` names it; a secret or URL that is missing is None too.
    """
    environment = env.str("ENVIRONMENT", "development", validate=_one_of("development", "production"))
    # A misspelt environment is judged as production, so that everything it lacks there is named at once.
    production = environment != "development"
    return {
        "environment": "production" if production else "development",
        **_serving(env, production),
        **_database(env),
        **_keys(env),
        **_accounts(env, production),
    }


def _one_of(*choices: str) -> Callable[[Any], Any]:
    return validate.OneOf(choices, error=f"must be one of {', '.join(choices)}")


def _between(least: float, most: float) -> Callable[[Any], Any]:
    return validate.Range(least, most, error=f"must be from {least:,} to {most:,}")


def _host(text: str) -> None:
    if not is_host(text):
        raise ValidationError("must be an address or a name")


def _printable(text: str) -> None:
    if not text.isprintable():
        raise ValidationError("must not have characters that cannot be printed")


def _serving(env: Environment, production: bool) -> dict[str, Any]:
    cpus = available_cpus()
    workers = env.int("WORKERS", cpus, validate=_between(1, 512))
    return {
        "host": env.str("HOST", "127.0.0.1", validate=_host),
        "port": env.int("PORT", 8000, validate=_between(1 if production else 0, 65_535)),
        "workers": workers,
        "data_dir": env.path("DATA_DIR", Path(".lodestar")),
        "request_timeout": env.float("REQUEST_TIMEOUT", 30.0, validate=_between(0.01, 3600)),
        "shutdown_timeout": env.float("SHUTDOWN_TIMEOUT", 20.0, validate=_between(1, 3600)),
        "drain_seconds": env.float("DRAIN_SECONDS", 0.0, validate=_between(0, 3600)),
        "idempotency_seconds": env.int("IDEMPOTENCY_SECONDS", 86_400, validate=_between(1, 2_592_000)),
        "import_max_bytes": env.int("IMPORT_MAX_BYTES", 1024**3, validate=_between(1, 2**40)),
        "hash_workers": env.int("HASH_WORKERS", max(1, cpus // (workers or 1)), validate=_between(1, 256)),
        "hash_queue": env.int("HASH_QUEUE", 16, validate=_between(0, 10_000)),
        "trusted_proxies": env.int("TRUSTED_PROXIES", 0, validate=_between(0, 32)),
        "rate_limits": env.bool("RATE_LIMITS", True),
        "cors_origins": _origins(env.str("CORS_ORIGINS", "", validate=_explicit_origins)),
        "docs": env.bool("DOCS", not production),
        "log_level": (env.str("LOG_LEVEL", "INFO", validate=_log_level) or "").upper(),
        "log_format": env.str("LOG_FORMAT", "json" if production else "console", validate=_one_of("console", "json")),
    }


def _database(env: Environment) -> dict[str, Any]:
    seconds = partial(env.float, validate=_between(0.01, 3600))
    return {
        "database_url": env.str("DATABASE_URL", None),
        "database_owner_url": env.str("DATABASE_OWNER_URL", None),
        "database_tls": env.str(
            "DATABASE_TLS", "verify-full", validate=_one_of("verify-full", "verify-ca", "require", "off")
        ),
        "database_pooler": env.str("DATABASE_POOLER", "off", validate=_one_of("off", "transaction")),
        "pool_min_size": env.int("POOL_MIN_SIZE", 2, validate=_between(0, 1000)),
        "pool_max_size": env.int("POOL_MAX_SIZE", 8, validate=_between(1, 1000)),
        # psycopg_pool takes 0 for "no limit", the one thing a bounded queue may not be.
        "pool_max_waiting": env.int("POOL_MAX_WAITING", 256, validate=_between(1, 100_000)),
        "pool_timeout": seconds("POOL_TIMEOUT", 3.0),
        "statement_timeout": seconds("STATEMENT_TIMEOUT", 5.0),
    }


def _keys(env: Environment) -> dict[str, Any]:
    named: list[Callable[[Any], Any]] = [validate.Length(1, 255, error="must be from 1 to 255 characters"), _printable]
    return {
        "secret_key": env.str("SECRET_KEY", None),
        "secret_key_previous": env.str("SECRET_KEY_PREVIOUS", None),
        "jwt_signing_key": _pem(env.str("JWT_SIGNING_KEY", None)),
        "jwt_verification_keys": _pem(env.str("JWT_VERIFICATION_KEYS", None)),
        "jwt_issuer": env.str("JWT_ISSUER", "lodestar", validate=named),
        "jwt_audience": env.str("JWT_AUDIENCE", "lodestar-api", validate=named),
    }


def _accounts(env: Environment, production: bool) -> dict[str, Any]:
    seconds = partial(env.int, validate=_between(1, 3650 * _DAY))
    return {
        # For so long a verified token is remembered and its `adm` hint may be stale: a day at the very most.
        "access_token_seconds": env.int("ACCESS_TOKEN_SECONDS", 600, validate=_between(1, _DAY)),
        "refresh_token_seconds": seconds("REFRESH_TOKEN_SECONDS", 14 * _DAY),
        "session_max_seconds": seconds("SESSION_MAX_SECONDS", 90 * _DAY),
        # A grace is a window in which a stolen predecessor still works.
        "refresh_grace_seconds": env.int("REFRESH_GRACE_SECONDS", 10, validate=_between(0, 300)),
        # 15 while the password is the only factor (NIST SP 800-63B-4, 3.1.1.2). Below the 8 of ASVS 6.2.1
        # nothing starts, and a minimum above 64 would refuse what ASVS 6.2.9 wants accepted.
        "password_min_length": env.int("PASSWORD_MIN_LENGTH", 15, validate=_between(8, 64)),
        # The floor of the OWASP cheat sheet for Argon2id with one lane (security checklist 7).
        "argon2_time_cost": env.int("ARGON2_TIME_COST", 2, validate=_between(2, 64)),
        "argon2_memory_kib": env.int("ARGON2_MEMORY_KIB", 19_456, validate=_between(19_456, 4_194_304)),
        "argon2_parallelism": env.int("ARGON2_PARALLELISM", 1, validate=_between(1, 64)),
        "signup": env.str("SIGNUP", "open", validate=_one_of("open", "closed")),
        "email_verification": env.str(
            "EMAIL_VERIFICATION", "required" if production else "off", validate=_one_of("off", "required")
        ),
    }


def _pem(text: str | None) -> str | None:
    """A PEM may come in one line with a literal \\n: docker's env files know no line breaks and no quotes."""
    return None if text is None else text.strip("\"'").replace("\\n", "\n")


def _origins(text: str | None) -> tuple[str, ...]:
    return tuple(origin for part in (text or "").split(",") if (origin := part.strip().lower()))


def _explicit_origins(text: str) -> None:
    if not all(_ORIGIN.fullmatch(origin) for origin in _origins(text)):
        raise ValidationError("must be origins like https://app.example.org, split by commas: no *, no path")


def _log_level(text: str) -> None:
    _one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")(text.upper())
