"""PostgreSQL URLs: their parts, what is refused in them, and the TLS they get (security checklist 73)."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from backend.security.strength import is_placeholder

# libpq's modes in their order: up to `prefer`, whoever sits on the line can have plain text.
SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
PASSWORD_LENGTH: Final = 12
_PASSWORD_DISTINCT: Final = 6
_CONNECT_SECONDS: Final = 5


def url_parts(url: str) -> dict[str, Any]:
    """libpq's parameters of a URL; ValueError, without a word of the URL, when it is none of PostgreSQL's."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("not a postgresql:// URL")
    try:
        return dict(conninfo_to_dict(url))
    except (ProgrammingError, UnicodeError):
        raise ValueError("not a postgresql:// URL") from None


def malformed(parts: Mapping[str, Any], tls: str) -> list[str]:
    """What is refused in a URL everywhere: no user, no database, a host that cannot be one, a port or time-out that is
    no number, and an sslmode below DATABASE_TLS.
    """
    reasons = [f"names no {what}" for what, part in (("user", "user"), ("database", "dbname")) if not parts.get(part)]
    if not all(map(is_host, _listed(parts, "host", "hostaddr"))):
        reasons.append("names a host that cannot be one")
    reasons += [
        f"has a {part} that is no number"
        for part in ("port", "connect_timeout")
        if not all(one.removeprefix("-").isdecimal() for one in _listed(parts, part))  # libpq takes -1 for no time-out.
    ]
    mode = parts.get("sslmode")
    if mode and mode not in SSL_MODES:
        reasons.append("has an sslmode that libpq does not know")
    elif mode and not is_local(parts) and SSL_MODES.index(mode) < SSL_MODES.index(_ssl_mode(tls)):
        reasons.append("has an sslmode that is weaker than DATABASE_TLS")
    return reasons


def weak_password(parts: Mapping[str, Any]) -> str | None:
    """Why the password of a URL, given by its parts, is refused in production, or None."""
    password = str(parts.get("password") or "")
    if not password:
        return "has no password"
    if password.casefold() in {str(parts.get(part, "")).casefold() for part in ("user", "dbname", "host")}:
        return "has a password that stands elsewhere in it"
    if is_placeholder(password):
        return "has a placeholder for its password"
    if len(password) < PASSWORD_LENGTH or len(set(password)) < _PASSWORD_DISTINCT:
        return f"has a password below {PASSWORD_LENGTH} characters, or of few different ones"
    return None


def is_local(parts: Mapping[str, Any]) -> bool:
    """Whether every host is a Unix socket or a loopback address.

    Without a host it is not: PGHOST or a service file may name one, and libpq ignores sslmode on a socket.
    """
    hosts = _listed(parts, "host", "hostaddr")
    return bool(hosts) and all(map(_is_loopback, hosts))


def is_host(text: str) -> bool:
    """Whether it can be a socket's path, an address or a name: none has a label that is empty, or longer than 63 octets
    (RFC 1035, 2.3.4).
    """
    try:
        return text.isprintable() and (text.startswith(("/", "@")) or bool(text.encode("idna")))
    except UnicodeError:
        return False


def _listed(parts: Mapping[str, Any], *names: str) -> list[str]:
    """libpq takes lists, of hosts and of what belongs to each."""
    return [one for name in names for one in str(parts.get(name) or "").split(",") if one]


def _is_loopback(host: str) -> bool:
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _ssl_mode(tls: str) -> str:
    return "disable" if tls == "off" else tls


def conninfo_with_tls(url: str, tls: str) -> str:
    """libpq's connection string for a URL: DATABASE_TLS outside localhost, unless the URL asks for more."""
    parts = url_parts(url)
    defaults: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, "application_name": "lodestar"}
    if not is_local(parts):
        defaults["sslmode"] = _ssl_mode(tls)
        # A Kerberos ticket would otherwise win over TLS, and nothing would check the server's certificate.
        defaults["gssencmode"] = "disable"
    return make_conninfo("", **(defaults | parts))
