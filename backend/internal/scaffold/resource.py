"""A resource that is to be: its names in every place, its fields, and what its templates are filled with."""

from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from string import Template

from backend.internal.scaffold.fields import Field, fields_of
from backend.internal.scaffold.names import (
    camel,
    refuse_long,
    refuse_resource,
    singular_of,
    spoken,
    with_article,
)


class Resource:
    """`name` is the plural, in five places; `one` is what one row is called, `shape` its Struct."""

    def __init__(self, name: str, one: str, fields: Sequence[Field]) -> None:
        self.name = name
        self.one = one
        self.fields = fields

    @classmethod
    def of(cls, name: str, words: Sequence[str], singular: str | None = None) -> "Resource":
        """As the command names it. Raises OperatorError with one line for what cannot be."""
        refuse_resource(name)
        one = singular_of(name, singular)
        found = cls(name, one, fields_of(words, one))
        refuse_long(found.identifiers)
        return found

    @property
    def shape(self) -> str:
        return camel(self.one)

    @property
    def required(self) -> list[Field]:
        return [field for field in self.fields if not field.optional]

    @property
    def optional(self) -> list[Field]:
        return [field for field in self.fields if field.optional]

    @property
    def unique(self) -> list[Field]:
        return [field for field in self.fields if field.unique]

    @property
    def columns(self) -> list[str]:
        """As they are shown."""
        return ["id", "owner_id", *(field.name for field in self.fields), "created_at", "updated_at"]

    @property
    def identifiers(self) -> list[str]:
        """What PostgreSQL has to keep the name of, the longest that there can be."""
        own = [f"{self.name}_owner_id_fkey", f"{self.name}_owner_id_idx", f"{self.name}_version"]
        return own + [one for field in self.fields for one in (self.key(field), f"sets_{field.name}")]

    def key(self, field: Field) -> str:
        """The constraint by which a field is unique, and as long as the index of one that is not."""
        return f"{self.name}_owner_id_{field.name}_key"

    def taken(self, field: Field) -> str:
        """The refusal of a second row with the same."""
        return f"{self.shape}{camel(field.name)}Taken"

    def code(self, field: Field) -> str:
        return f"{self.one}_{field.name}_taken"

    def has(self, *words: str) -> bool:
        """Whether a field is of one of these types."""
        return any(field.kind.word in words for field in self.fields)

    @cached_property
    def words(self) -> dict[str, str]:
        """What the templates call these names."""
        return {
            "name": self.name,
            "one": self.one,
            "Shape": self.shape,
            "noun": spoken(self.one),
            "nouns": spoken(self.name),
            "Nouns": spoken(self.name).capitalize(),
            "a_noun": with_article(self.one),
            "a_id": with_article(self.one).replace(" ", "_"),
        }


def filled_in(template: str, resource: Resource, **pieces: str) -> str:
    """A template of the folder `templates` with its names and pieces filled in; a piece may have names in it."""
    text = files("backend.internal.scaffold").joinpath("templates", f"{template}.txt").read_text()
    return Template(text).substitute(resource.words, **pieces)
