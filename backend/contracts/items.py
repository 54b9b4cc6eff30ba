"""What comes in for items."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from backend.contracts.text import Description, Title
from queries.items import Item


class NewItem(Struct, forbid_unknown_fields=True, frozen=True):
    """`description` may be left out."""

    title: Title
    description: Description | None = None


NewItems = Annotated[list[NewItem], Meta(max_length=1000)]


class Batch(Struct, frozen=True, omit_defaults=True):
    """`items` in the order in which they came; left out where the answer is that of an earlier request."""

    created: int
    items: list[Item] | UnsetType = UNSET


class Imported(Struct, frozen=True):
    """How many lines have become items."""

    created: int


class ItemPatch(Struct, forbid_unknown_fields=True, frozen=True):
    """RFC 7396: a field that is absent stays, null clears what may be null."""

    title: Title | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
