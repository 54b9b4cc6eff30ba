"""Where a request comes from, as throttles and sessions keep it."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from backend.security.fingerprints import client_address, throttle_prefix
from backend.settings import Settings

_USER_AGENT_CHARACTERS: Final = 500


class Origin(Struct, frozen=True):
    """`network` is what attempts are counted by: an IPv4 address, or the /64 of an IPv6 one."""

    address: str
    network: str
    user_agent: str


class Origins:
    """Reads an origin from the scope of an ASGI request."""

    def __init__(self, settings: Settings) -> None:
        self._trusted_proxies = settings.trusted_proxies

    def of(self, scope: Mapping[str, Any]) -> Origin:
        """The address is the one that our own proxies vouch for; of the user agent the first 500 characters."""
        address = client_address(scope, self._trusted_proxies)
        agent: str = scope["state"]["headers"].get(b"user-agent", b"").decode("latin-1")
        return Origin(address, throttle_prefix(address), agent.replace("\x00", "")[:_USER_AGENT_CHARACTERS])
