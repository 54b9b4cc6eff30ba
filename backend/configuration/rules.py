"""What the settings may not be: missing, weak, shared or at odds with each other (security checklist 70)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from backend.security import keyring, strength
from backend.security.database_urls import malformed, url_parts, weak_password
from backend.security.secret_keys import decoded_secret

Values = Mapping[str, Any]
Finding = tuple[str, str]  # A variable and why it is refused.

_REQUIRED: Final = ("database_url", "secret_key", "jwt_signing_key")
_URLS: Final = ("database_url", "database_owner_url")


def findings(values: Values) -> Iterator[Finding]:
    """Every reason to refuse these values, of which one that is None is missing or was refused before."""
    yield from _relations(values)
    yield from _keys(values)
    yield from _urls(values)
    if values["environment"] == "production":
        yield from _production(values)


def _relations(values: Values) -> Iterator[Finding]:
    smallest, largest = values["pool_min_size"], values["pool_max_size"]
    if smallest is not None and largest is not None and smallest > largest:
        yield "POOL_MIN_SIZE", "above POOL_MAX_SIZE"
    if values["email_verification"] == "required":
        yield "EMAIL_VERIFICATION", "required needs mail, which this release cannot send; it has to be off"
    if values["database_owner_url"] and not values["database_url"] and values["environment"] == "development":
        yield "DATABASE_OWNER_URL", "given without DATABASE_URL"


def _keys(values: Values) -> Iterator[Finding]:
    checks: tuple[tuple[str, Callable[[str], str | None]], ...] = (
        ("secret_key", strength.weak_secret_key),
        ("secret_key_previous", strength.weak_secret_key),
        ("jwt_signing_key", weak_signing_key),
        ("jwt_verification_keys", _malformed_public_keys),
    )
    for name, check in checks:
        if values[name] and (reason := check(values[name])):
            yield name.upper(), reason


def weak_signing_key(pem: str) -> str | None:
    """Why a JWT_SIGNING_KEY as it was given is refused, or None."""
    try:
        return strength.weak_key(keyring.read_signing_key(pem).private_bytes_raw())
    except ValueError as error:
        return str(error)


def _malformed_public_keys(pems: str) -> str | None:
    try:
        keyring.split_public_pems(pems)
    except ValueError as error:
        return str(error)
    return None


def _urls(values: Values) -> Iterator[Finding]:
    users = {}
    for name in _URLS:
        if not values[name]:
            continue
        try:
            parts = url_parts(values[name])
        except ValueError as error:
            yield name.upper(), str(error)
            continue
        users[name] = parts.get("user")
        for reason in malformed(parts, values["database_tls"] or "off"):
            yield name.upper(), reason
        if values["environment"] == "production" and (weakness := weak_password(parts)):
            yield name.upper(), weakness
    if len(users) == len(_URLS) and len(set(users.values())) == 1:
        yield "DATABASE_URL", "has the user of DATABASE_OWNER_URL, whom row security does not bind"


def _production(values: Values) -> Iterator[Finding]:
    for name in _REQUIRED:
        if not values[name]:
            yield name.upper(), "missing"
    if values["rate_limits"] is False:
        yield "RATE_LIMITS", "off is for benchmarks, never for production"
    for one, other in strength.shared(_spellings(values)):
        yield other, f"the same secret as in {one}"


def _spellings(values: Values) -> dict[str, set[bytes]]:
    """Each secret as text and as the bytes it stands for, so that hex here equals base64 there."""
    texts = {name.upper(): str(values[name]) for name in ("secret_key", "secret_key_previous") if values[name]}
    for name in _URLS:
        with suppress(ValueError):
            texts[name.upper()] = url_parts(values[name] or "").get("password") or ""
    spellings = {name: _bytes_of(text) for name, text in texts.items() if text}
    with suppress(ValueError):
        signing_key = keyring.read_signing_key(values["jwt_signing_key"] or "")
        spellings["JWT_SIGNING_KEY"] = {signing_key.private_bytes_raw()}
    return spellings


def _bytes_of(text: str) -> set[bytes]:
    spelled = {text.encode(errors="surrogateescape")}
    with suppress(ValueError):
        spelled.add(decoded_secret(text))
    return spelled
