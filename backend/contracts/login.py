"""What comes in for log-in and refresh, and the tokens that go out."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from backend.contracts.text import AnyEmail, Name, Password


class Login(Struct, forbid_unknown_fields=True, frozen=True):
    """`device_name` may be left out."""

    email: AnyEmail
    password: Password
    device_name: Name | None = None


class Refresh(Struct, forbid_unknown_fields=True, frozen=True):
    refresh_token: Annotated[str, Meta(max_length=512)]


class Tokens(Struct, frozen=True):
    """`expires_in` in seconds, of the access token."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
