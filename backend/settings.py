"""The configuration: read once, judged as a whole, and frozen (CONTRACT: Configuration)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

from msgspec import Struct

from backend.configuration.rules import findings, weak_signing_key
from backend.operators import OperatorError
from backend.security import keyring, secret_keys
from backend.security.database_urls import conninfo_with_tls, url_parts
from backend.security.strength import weak_secret_key

_MASK: Final = "***"
_SECRETS: Final = ("secret_key", "secret_key_previous", "jwt_signing_key")
_URLS: Final = ("database_url", "database_owner_url")


class SettingsError(OperatorError):
    """The configuration is refused. The text names every variable that is missing or weak and shows no value.

    `problems` has the reasons by variable.
    """

    def __init__(self, problems: Mapping[str, list[str]]) -> None:
        self.problems = dict(problems)
        named = ", ".join(f"{name} ({' and '.join(reasons)})" for name, reasons in self.problems.items())
        super().__init__(f"The configuration is refused: {named}.")


class Settings(Struct, frozen=True, kw_only=True):
    """Every variable of the contract in lower case; times in seconds, secrets decoded, keys as PEM.

    It has no defaults: they stand in `backend.configuration.variables`, once. Printing it, in any way, shows no secret.
    """

    environment: Literal["development", "production"]
    host: str
    port: int
    workers: int
    data_dir: Path
    database_url: str | None
    database_owner_url: str | None
    database_tls: Literal["verify-full", "verify-ca", "require", "off"]
    database_pooler: Literal["off", "transaction"]
    pool_min_size: int
    pool_max_size: int
    pool_max_waiting: int
    pool_timeout: float
    statement_timeout: float
    request_timeout: float
    shutdown_timeout: float
    drain_seconds: float
    secret_key: bytes
    secret_key_previous: bytes | None
    jwt_signing_key: str
    jwt_verification_keys: tuple[str, ...]
    jwt_issuer: str
    jwt_audience: str
    access_token_seconds: int
    refresh_token_seconds: int
    session_max_seconds: int
    refresh_grace_seconds: int
    password_min_length: int
    argon2_time_cost: int
    argon2_memory_kib: int
    argon2_parallelism: int
    idempotency_seconds: int
    import_max_bytes: int
    hash_workers: int
    hash_queue: int
    signup: Literal["open", "closed"]
    email_verification: Literal["off", "required"]
    trusted_proxies: int
    rate_limits: bool
    cors_origins: tuple[str, ...]
    docs: bool
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    log_format: Literal["console", "json"]

    @classmethod
    def read(cls, env: Mapping[str, str] | None = None) -> Self:
        """The settings in `env`; without it those of the process, with `.env` below them in development.

        In development, keys that are not given are made once and kept in DATA_DIR: the only side effect.
        Raises SettingsError with all that is wrong.
        """
        # Workers are given their settings, and never need what reads them.
        from backend.configuration import variables
        from backend.configuration.sources import Environment

        source = Environment(os.environ if env is None else env, Path(".env") if env is None else None)
        values, problems = variables.read(source), source.problems()
        refused = frozenset(problems)
        for name, reason in findings(values):
            if name not in refused:
                problems.setdefault(name, []).append(reason)
        if problems:
            raise SettingsError(problems)
        if values["environment"] == "development":
            values |= _development_keys(values)
        return cls(**values | _decoded(values))

    @property
    def production(self) -> bool:
        """Whether everything has to be given and strong."""
        return self.environment == "production"

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, _masked(name, getattr(self, name))) for name in self.__struct_fields__]


def conninfo(url: str, settings: Settings) -> str:
    """libpq's connection string for a URL, with DATABASE_TLS outside localhost; ValueError if malformed."""
    return conninfo_with_tls(url, settings.database_tls)


def _masked(name: str, value: Any) -> Any:
    if value is None or name not in _SECRETS + _URLS:
        return value
    return _masked_url(value) if name in _URLS else _MASK


def _masked_url(url: str) -> str:
    try:
        parts = url_parts(url)
    except ValueError:
        return _MASK
    host = f"{parts.get('host', '')}:{parts.get('port', '')}"
    return f"postgresql://{parts.get('user')}:{_MASK}@{host}/{parts.get('dbname')}"


def _development_keys(values: Mapping[str, Any]) -> dict[str, str]:
    """The keys that were not given, from DATA_DIR, made there at the first start."""
    made = (
        ("secret_key", "secret_key", secret_keys.new_secret_key, weak_secret_key),
        ("jwt_signing_key", "jwt_signing_key.pem", keyring.new_signing_key, weak_signing_key),
    )
    keys = {}
    for name, file, new, weakness in made:
        if values[name] is None:
            keys[name] = _kept(values["data_dir"] / file, new())
            if weakness(keys[name]):
                raise SettingsError({"DATA_DIR": [f"holds a damaged {file}; delete it"]})
    return keys


def _kept(path: Path, fresh: str) -> str:
    try:
        return secret_keys.kept(path, fresh)
    except (OSError, ValueError):
        raise SettingsError({"DATA_DIR": [f"cannot keep the generated {path.name}"]}) from None


def _decoded(values: Mapping[str, Any]) -> dict[str, Any]:
    previous = values["secret_key_previous"]
    return {
        "secret_key": secret_keys.decoded_secret(values["secret_key"]),
        "secret_key_previous": secret_keys.decoded_secret(previous) if previous else None,
        "jwt_verification_keys": keyring.split_public_pems(values["jwt_verification_keys"] or ""),
    }
