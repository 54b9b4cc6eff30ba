"""Which values a JSON Schema took or gave, and does not any more.

A request must be taken if it was, so its old schema has to lie within the new one; what is answered must be what was
promised, so there the new one has to lie within the old. Only what can be shown to lie within counts as such: keywords
that are not known here may not differ.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from backend.checks.changes.pointers import escaped

type Direction = Literal["requests", "answers"]

_LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FORMS: Final = ("format", "pattern", "multipleOf", "uniqueItems")
# What says nothing of the values, and what is compared in a way of its own.
_NOTES: Final = frozenset(
    {"title", "description", "default", "example", "examples", "deprecated", "discriminator", "$comment"}
)
_READ: Final = frozenset(
    {"$ref", "type", "anyOf", "oneOf", "enum", "const", "items", "properties", "required", "additionalProperties"}
)
_JUDGED: Final = _NOTES | _READ | {*_LEAST, *_MOST, *_FORMS}
_KINDS: Final = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


class Break(NamedTuple):
    """Where in the new document, and what is worse there than before."""

    pointer: str
    sentence: str


class Part(NamedTuple):
    """A value within a document, and its JSON pointer there."""

    root: Any
    pointer: str
    value: Any

    def at(self, *keys: str) -> "Part | None":
        """What is below, behind any references; None where there is nothing."""
        found = self._resolved()
        for key in keys:
            if not isinstance(found.value, dict) or key not in found.value:
                return None
            found = Part(found.root, f"{found.pointer}/{escaped(key)}", found.value[key])._resolved()
        return found

    def _resolved(self) -> "Part":
        if not isinstance(self.value, dict) or not isinstance(reference := self.value.get("$ref"), str):
            return self
        value = self.root
        for part in reference.removeprefix("#/").split("/"):
            value = value[part.replace("~1", "/").replace("~0", "~")]
        return Part(self.root, reference.removeprefix("#"), value)._resolved()

    def get(self, key: str, default: Any = None) -> Any:
        return self.value.get(key, default)


class Narrowing:
    """Compares schemas in one direction; a pair that it has seen, be it within itself, is not compared again."""

    def __init__(self, direction: Direction) -> None:
        self._direction = direction
        self._known: dict[tuple[str, str], list[Break]] = {}

    def breaks(self, old: Part, new: Part) -> list[Break]:
        pair = old.pointer, new.pointer
        if pair not in self._known:
            self._known[pair] = []
            self._known[pair] = list(self._of(old, new))
        return self._known[pair]

    def _of(self, old: Part, new: Part) -> Iterator[Break]:
        """Each alternative of the narrower must have one of the wider that it lies within."""
        given, taken = self._ordered(list(_alternatives(old)), list(_alternatives(new)))
        for one in given:
            fitting = [other for other in taken if _kind(other) in (_kind(one), "anything", *_wider(_kind(one)))]
            found = [list(self._of_kind(*self._ordered(one, other))) for other in fitting]
            if not found:
                yield self._break(new, f"{_kind(one)} is taken no more", f"it may be {_kind(one)} now")
            elif all(found):
                yield from min(found, key=len)

    def _ordered[T](self, one: T, other: T) -> tuple[T, T]:
        """Old and new as what has to lie within and what it lies in; or these as old and new."""
        return (one, other) if self._direction == "requests" else (other, one)

    def _break(self, new: Part, taken: str, given: str) -> Break:
        return Break(new.pointer, f"in {self._direction} " + (taken if self._direction == "requests" else given))

    def _of_kind(self, old: Part, new: Part) -> Iterator[Break]:
        inner, outer = self._ordered(old, new)
        if _kind(outer) == "anything" and not outer.value.keys() - _NOTES - {"type"}:
            return
        yield from self._values(new, _values(inner), _values(outer))
        for key in (*_LEAST, *_MOST, *_FORMS):
            before, after = old.get(key), new.get(key)
            if not _within(key, inner.get(key), outer.get(key)):
                told = f"{key} is {_told(after)}, and was {_told(before)}"
                yield self._break(new, told, told)
        for key in sorted((old.value.keys() | new.value.keys()) - _JUDGED):
            if old.get(key) != new.get(key):
                yield self._break(new, f"{key} has changed", f"{key} has changed")
        if _kind(inner) == "array":
            yield from self._below(old, new, "items")
        elif _kind(inner) == "object":
            yield from self._fields(old, new)
            yield from self._below(old, new, "additionalProperties")

    def _values(self, new: Part, inner: list[Any] | None, outer: list[Any] | None) -> Iterator[Break]:
        if outer is None:
            return
        if inner is None:
            yield self._break(new, f"only {outer} are taken", f"it may be other than {outer} now")
            return
        for value in inner:
            if value not in outer:
                yield self._break(new, f"{value!r} is taken no more", f"it may be {value!r} now")

    def _below(self, old: Part, new: Part, key: str) -> Iterator[Break]:
        """The schema of what has no name of its own; without one it may be anything, and False is nothing."""
        before, after = old.at(key), new.at(key)
        inner, outer = self._ordered(before, after)
        if outer is None or outer.value is True or (inner and inner.value is False):
            return
        if before and after and isinstance(before.value, dict) and isinstance(after.value, dict):
            yield from self.breaks(before, after)
        elif before is None or after is None or before.value != after.value:
            yield self._break(new, f"{key} is bounded now", f"{key} is bounded no more")

    def _fields(self, old: Part, new: Part) -> Iterator[Break]:
        before, after = old.get("properties", {}), new.get("properties", {})
        required, required_now = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            here, there = old.at("properties", name), new.at("properties", name)
            if here and there:
                yield from self.breaks(here, there)
            else:
                gone = Part(new.root, f"{new.pointer}/properties/{escaped(name)}", None)
                yield self._break(gone, f"the field {name} is taken no more", f"the field {name} is gone")
        inner, outer = self._ordered(required, required_now)
        for name in sorted(outer - inner):
            if self._direction == "requests" or name in after:
                place = Part(new.root, f"{new.pointer}/properties/{escaped(name)}", None)
                yield self._break(place, f"the field {name} is required now", f"the field {name} may be absent now")


def _alternatives(schema: Part) -> Iterator[Part]:
    """The schemas that it is made of, each of one kind."""
    resolved = schema.at()
    assert resolved
    if not isinstance(resolved.value, dict):  # True is anything.
        yield resolved._replace(value={})
        return
    for key in ("anyOf", "oneOf"):
        if key in resolved.value:
            beside = {name: value for name, value in resolved.value.items() if name not in _NOTES and name != key}
            for number, one in enumerate(resolved.value[key]):
                for found in _alternatives(Part(resolved.root, f"{resolved.pointer}/{key}/{number}", one)):
                    yield found._replace(value=beside | found.value)
            return
    kinds = resolved.value.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        yield resolved._replace(value=resolved.value | {"type": kind})


def _kind(schema: Part) -> str:
    if schema.get("type"):
        return str(schema.get("type"))
    values = _values(schema)
    return _KINDS.get(type(values[0]), "anything") if values else "anything"


def _wider(kind: str) -> tuple[str, ...]:
    return ("number",) if kind == "integer" else ()


def _values(schema: Part) -> list[Any] | None:
    """All that it may be, where they are counted out."""
    if "const" in schema.value:
        return [schema.value["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def _within(key: str, inner: Any, outer: Any) -> bool:
    """Whether a bound is no wider than another; None bounds nothing."""
    if outer is None or inner == outer:
        return True
    if inner is None or key in _FORMS:
        return False
    return bool(inner >= outer if key in _LEAST else inner <= outer)


def _told(bound: Any) -> str:
    return "not bounded" if bound is None else str(bound)
