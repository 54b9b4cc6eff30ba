"""What comes in for items."""

from msgspec import UNSET, Struct, UnsetType

from backend.contracts.text import Description, Title


class NewItem(Struct, forbid_unknown_fields=True, frozen=True):
    """`description` may be left out."""

    title: Title
    description: Description | None = None


class ItemPatch(Struct, forbid_unknown_fields=True, frozen=True):
    """RFC 7396: a field that is absent stays, null clears what may be null."""

    title: Title | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
