"""The fields of a new resource, as the command names them: `title:text:unique`."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from backend.internal.scaffold.kinds import KINDS, LONG, MISSING, SHORT, Kind
from backend.internal.scaffold.names import camel, refuse_field
from backend.operators import OperatorError

_MODIFIERS: Final = ("unique", "optional", "index")
# What else has such a name in a contract.
_IMPORTED: Final = {"Annotated", "Digits", "Meta", "Struct", "UnsetType"}

# What says whose something is or what somebody may do: FOREIGN in `tests/security/attacks/foreign.py`.
SUSPICIOUS: Final = {"user_id", "session_id", "is_admin", "is_active", "email_verified_at", "password_hash"}


class Field(Struct, frozen=True):
    """`alias` is the name of its bounds in the contract, where it has any."""

    name: str
    kind: Kind
    unique: bool
    optional: bool
    index: bool
    alias: str

    @property
    def longest(self) -> int:
        """How many characters a text may have: few where an index has to hold it, and where it is not left out."""
        return LONG if self.optional and not (self.unique or self.index) else SHORT

    @property
    def suspicious(self) -> bool:
        """Whether the attacks of the tests want to be told that a body has it: a right, or the id of something."""
        return self.name in SUSPICIOUS or (self.kind.word == "uuid" and self.name.endswith("_id"))

    @property
    def check(self) -> str | None:
        """What the column has to fulfil."""
        if self.kind.word != "text":
            return self.kind.check and self.kind.check.format(name=self.name)
        return f"length({self.name}) {f'<= {self.longest}' if self.optional else f'BETWEEN 1 AND {self.longest}'}"

    @property
    def bounds(self) -> str | None:
        """What `alias` stands for."""
        if self.kind.word != "text":
            return self.kind.bounds
        least = "" if self.optional else "min_length=1, "
        return f"Annotated[str, Meta({least}max_length={self.longest}, pattern=NO_NUL)]"

    @property
    def refused(self) -> list[tuple[str, str]]:
        """Values of a body, as they stand in code, and how each is named."""
        found = list(self.kind.refused)
        if self.kind.word == "text":
            found += [(f'"x" * {self.longest + 1}', "out_of_range")]
        if not self.optional:
            found += [('""', "out_of_range")] if self.kind.word == "text" else []
            found += [("None", "invalid")]
        return found

    @property
    def extremes(self) -> list[str]:
        """Values of a body that are just within the bounds, as they stand in code."""
        return [rf'"\N{{GRINNING FACE}}" * {self.longest}'] if self.kind.word == "text" else list(self.kind.extremes)

    @property
    def body(self) -> str:
        """Its type in a body."""
        return self.alias if self.bounds else (self.kind.body or self.kind.python)

    @property
    def row(self) -> str:
        """Its type in a row."""
        return f"{self.kind.python} | None" if self.optional else self.kind.python


def fields_of(words: Sequence[str], singular: str) -> list[Field]:
    """What may be left out comes last, as it has to in a Struct. Raises OperatorError with one line."""
    if not words:
        raise OperatorError("a resource has at least one field, as in title:text")
    found = [_field(word) for word in words]
    for number, field in enumerate(found):
        refuse_field(field.name, singular, [one.name for one in found if one.optional])
        for other in found[:number]:
            if other.name == field.name:
                raise OperatorError(f"the field {field.name} is named twice")
            if camel(other.name) == camel(field.name):
                raise OperatorError(f"{other.name} and {field.name} would both be {camel(field.name)} in the contract")
    return sorted(found, key=lambda field: field.optional)


def _field(word: str) -> Field:
    name, *rest = word.split(":")
    if not rest:
        raise OperatorError(f"{word!a} has no type; write {name or 'title'}:text, or another of {', '.join(KINDS)}")
    kind, *modifiers = rest
    if kind in MISSING:
        raise OperatorError(f"{word!a}: there is no {kind}: {MISSING[kind]}")
    if kind not in KINDS:
        raise OperatorError(f"{word!a}: there is no type {kind!a}; there are {', '.join(KINDS)}")
    for number, modifier in enumerate(modifiers):
        if modifier not in _MODIFIERS:
            raise OperatorError(f"{word!a}: there is no {modifier!a}; there are {', '.join(_MODIFIERS)}")
        if modifier in modifiers[:number]:
            raise OperatorError(f"{word!a} says {modifier} twice")
    unique, optional, index = (modifier in modifiers for modifier in _MODIFIERS)
    if unique and index:
        raise OperatorError(f"{word!a}: what is unique has an index already")
    if unique and kind == "bool":
        raise OperatorError(f"{word!a}: with a unique bool nobody could have more than two")
    alias = f"{camel(name)}Bounds" if camel(name) in _IMPORTED else camel(name)
    return Field(name, KINDS[kind], unique, optional, index, alias)
