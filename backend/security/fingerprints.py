"""Where a request comes from: the client's address behind our proxies, and a keyed digest of the device."""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

from backend.security.secret_keys import derived_key
from backend.settings import Settings

# For a peer without an address, as behind a Unix socket. An inet column takes it, and no client can have it.
UNKNOWN_ADDRESS: Final = "0.0.0.0"  # noqa: S104  # Nothing binds to it.
_FIELD_CHARACTERS: Final = 1024
_ADDRESS_CHARACTERS: Final = 64  # With port, brackets, zone and blanks.


class Fingerprints:
    """Recognises a device by the exact match of a digest, which without SECRET_KEY tells nothing."""

    def __init__(self, settings: Settings) -> None:
        secret_keys = [settings.secret_key, settings.secret_key_previous]
        self._keys: Final = [derived_key(key, "device") for key in secret_keys if key]

    def candidates(self, user_agent: str, *more: str) -> list[bytes]:
        """Digests of 32 bytes for a device as it describes itself; of each part the first 1,024 characters count.

        The first is today's, the second that of SECRET_KEY_PREVIOUS: no device turns new by a rotation.
        """
        return [_digest(key, (user_agent, *more)) for key in self._keys]


def _digest(key: bytes, parts: tuple[str, ...]) -> bytes:
    # Each part goes in with its length, so that no text can be moved from one part to the next.
    encoded = [part[:_FIELD_CHARACTERS].encode(errors="surrogatepass") for part in parts]
    return hmac.digest(key, b"".join(len(part).to_bytes(4) + part for part in encoded), "sha256")


def client_address(scope: Mapping[str, Any], trusted_proxies: int) -> str:
    """The address of the client of an ASGI request, canonical; UNKNOWN_ADDRESS when nobody tells.

    Each of our proxies appends the peer it saw to X-Forwarded-For, so the `trusted_proxies` right-most ones
    are ours and the left-most of them is the client; what stands further left is the client's own invention.
    With fewer entries, or a malformed one, the next to the right counts, and the connection's peer at last.
    `Forwarded` (RFC 7239) is ignored: a proxy that does not know it passes on what the client wrote.
    """
    if trusted_proxies:
        entries = scope["state"]["headers"].get(b"x-forwarded-for", b"").rsplit(b",", trusted_proxies)
        for entry in entries[-trusted_proxies:]:
            if len(entry) <= _ADDRESS_CHARACTERS and (address := _canonical(entry.decode("latin-1"))):
                return address
    client = scope.get("client")
    return (_canonical(client[0]) if client else None) or UNKNOWN_ADDRESS


def throttle_prefix(address: str) -> str:
    """What failures are counted by: an IPv4 address whole, IPv6 by the /64 that one customer is given."""
    parsed = _parsed(address)
    if parsed is None:
        return UNKNOWN_ADDRESS
    return str(parsed) if parsed.version == 4 else str(ip_network((parsed, 64), strict=False))


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str | None:
    parsed = _parsed(text)
    return None if parsed is None else str(parsed)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """The address in an entry, without brackets, port and zone; an IPv4-mapped one as the IPv4 it is."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
