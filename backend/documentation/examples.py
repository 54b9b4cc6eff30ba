"""One example of each type that travels, in its own type: a wrong one fails to type-check, and a test decodes it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, get_args, get_origin
from uuid import UUID

from backend.contracts.items import Batch, Imported, ItemPatch, NewItem
from backend.contracts.login import Login, Refresh, Tokens
from backend.contracts.pages import Page, encode_cursor
from backend.contracts.users import Deletion, PasswordChange, ProfilePatch, SignUp, UserPatch
from backend.controllers.health import Live, Ready
from backend.controllers.wellknown import Key, KeySet
from queries.items import Item
from queries.sessions import Session
from queries.users import User

_ID: Final = UUID("019aaed4-7c32-7b1f-9a30-5f0c1d2e3f40")
_USER_ID: Final = UUID("019aaed3-1f08-7c55-8b1e-0a9b8c7d6e5f")
_NOON: Final = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
_LATER: Final = _NOON + timedelta(minutes=20, microseconds=1_414)
_PASSWORD: Final = "correct horse battery staple"
_REFRESH_TOKEN: Final = "lsr1_s-QYQNaKm8jq6fspdO869viEbxlhcDNHvK-1rdvryGkb16Xgev5T-LP8TpZweDLoZCrb6Jg7zcw"
# Of RFC 8037, appendix A.
_PUBLIC_KEY: Final = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
_THUMBPRINT: Final = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

EXAMPLES: Final[Mapping[Any, object]] = {
    UUID: _ID,
    User: User(_USER_ID, "ada@example.com", "Ada Lovelace", True, False, None, _NOON, _LATER),
    SignUp: SignUp("ada@example.com", _PASSWORD, "Ada Lovelace"),
    ProfilePatch: ProfilePatch(full_name="Ada King"),
    UserPatch: UserPatch(is_active=False),
    PasswordChange: PasswordChange(_PASSWORD, "a longer horse and a better battery"),
    Deletion: Deletion(_PASSWORD),
    Login: Login("ada@example.com", _PASSWORD, "Ada's laptop"),
    Refresh: Refresh(_REFRESH_TOKEN),
    # The header and claims of this one are short, and nothing has signed it.
    Tokens: Tokens("eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJsb2Rlc3RhciJ9.c2lnbmF0dXJl", "Bearer", 600, _REFRESH_TOKEN),
    Session: Session(_ID, "Ada's laptop", "Mozilla/5.0", "203.0.113.7", _NOON, _LATER, True, False),
    Item: Item(_ID, _USER_ID, "A lens", "Polished on both sides.", _NOON, _LATER),
    Batch: Batch(1, [Item(_ID, _USER_ID, "A lens", None, _NOON, _NOON)]),
    Imported: Imported(1_000_000),
    NewItem: NewItem("A lens", "Polished on both sides."),
    Live: Live("ok"),
    Ready: Ready("ready"),
    KeySet: KeySet([Key("OKP", "Ed25519", _PUBLIC_KEY, _THUMBPRINT, "sig", "EdDSA")]),
    ItemPatch: ItemPatch(title="A better lens", description=None),
}


def example_of(kind: Any) -> object:
    """An example of a type, of a list of it, or of a page of it. None: there is none."""
    if get_origin(kind) is Annotated:
        return example_of(get_args(kind)[0])
    if not (inner := get_args(kind)):
        return EXAMPLES.get(kind)
    one = example_of(inner[0])
    if get_origin(kind) is Page:
        return Page([one], encode_cursor(_ID, ""))
    return [one] if get_origin(kind) is list else None
