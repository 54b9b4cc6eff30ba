"""What comes in for accounts."""

from typing import Annotated

from litestar.params import QueryParameter
from msgspec import UNSET, Struct, UnsetType

from backend.contracts.text import NO_NUL, Email, Name, NewPassword, Password

EmailFilter = Annotated[str | None, QueryParameter(max_length=254, pattern=NO_NUL, description="Exactly this address.")]


class SignUp(Struct, forbid_unknown_fields=True, frozen=True):
    """`full_name` may be left out."""

    email: Email
    password: NewPassword
    full_name: Name | None = None


class ProfilePatch(Struct, forbid_unknown_fields=True, frozen=True):
    """RFC 7396: a name that is absent stays, null clears it."""

    full_name: Name | UnsetType | None = UNSET


class UserPatch(Struct, forbid_unknown_fields=True, frozen=True):
    """As ProfilePatch; the rights may not be null."""

    is_active: bool | UnsetType = UNSET
    is_admin: bool | UnsetType = UNSET
    full_name: Name | UnsetType | None = UNSET


class PasswordChange(Struct, forbid_unknown_fields=True, frozen=True):
    current_password: Password
    new_password: NewPassword


class Deletion(Struct, forbid_unknown_fields=True, frozen=True):
    password: Password
