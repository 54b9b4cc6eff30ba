"""What comes in for items."""

from typing import Annotated, Literal

from litestar.params import QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from backend.contracts.text import NO_NUL, Description, Title
from queries.items import Item

Order = Annotated[
    Literal["created_at", "-created_at", "title", "-title"],
    QueryParameter(description="What the list is ordered by; with `-` the other way round, as newest first."),
]
Search = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=200,
        pattern=NO_NUL,
        description="Only those that have this in their titles, in capitals or not. No character is a wildcard.",
    ),
]


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
