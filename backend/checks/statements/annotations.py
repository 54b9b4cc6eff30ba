"""What an annotation says, and what is passed where a statement is run."""

import ast
import types
from collections.abc import Mapping
from types import ModuleType
from typing import Annotated, Any, Literal, NewType, TypeAliasType, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from backend.checks.statements.reading import Call
from queries._arrays import TextArray


class Annotation(Struct, frozen=True):
    """Each of the types that it allows beside None; dicts without what is in them. `values` are those of a Literal."""

    kinds: frozenset[Any]
    optional: bool
    values: frozenset[Any] = frozenset()

    def __str__(self) -> str:
        names = sorted(getattr(kind, "__name__", str(kind)) if not get_args(kind) else str(kind) for kind in self.kinds)
        return " | ".join(names + ["None"] * self.optional)


def annotation_of(annotation: Any) -> Annotation:
    """What it comes to, without the names that it goes by."""
    if annotation is None or annotation is type(None):
        return Annotation(frozenset(), optional=True)
    if isinstance(annotation, TypeAliasType):
        return annotation_of(annotation.__value__)
    if isinstance(annotation, NewType) and annotation is not TextArray:
        return annotation_of(annotation.__supertype__)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return annotation_of(inner[0])
    if origin in (types.UnionType, Union):
        return _either([annotation_of(one) for one in inner])
    if origin is Literal:
        values = frozenset(one for one in inner if one is not None)
        return Annotation(frozenset(type(one) for one in values), None in inner, values)
    return Annotation(frozenset({_plain(annotation)}), optional=False)


def _plain(annotation: Any) -> Any:
    """A list with what is in it, which may be NULL in any array; of a dict that it is one."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is list:
        element = annotation_of(inner[0])
        return types.GenericAlias(list, *element.kinds) if len(element.kinds) == 1 else annotation
    return dict if origin is dict else annotation


def _either(all_of: list[Annotation]) -> Annotation:
    kinds = frozenset(kind for one in all_of for kind in one.kinds)
    values = frozenset(value for one in all_of for value in one.values)
    plain = any(one.kinds and not one.values for one in all_of)  # Of which any value is one.
    return Annotation(kinds, any(one.optional for one in all_of), frozenset() if plain else values)


def passed(expression: ast.expr, call: Call, module: ModuleType) -> Annotation | None:
    """What is passed: an argument of the function, an attribute of one, a constant, or what a function gives.

    None where it cannot be read.
    """
    found = _annotated(expression, call, vars(module))
    return None if found is _UNREADABLE else annotation_of(found)


_UNREADABLE: Any = object()


def _annotated(expression: ast.expr, call: Call, names: Mapping[str, Any]) -> Any:
    match expression:
        case ast.Constant(value=value):
            return type(value)
        case ast.Name(id=name):
            return _of_name(name, call, names)
        case ast.Attribute(value=owner, attr=name):
            return _hints(_annotated(owner, call, names)).get(name, _UNREADABLE)
        case ast.Call(func=ast.Name(id=name)):
            function = names.get(name)
            return function if isinstance(function, type) else _hints(function).get("return", _UNREADABLE)
    return _UNREADABLE


def _of_name(name: str, call: Call, names: Mapping[str, Any]) -> Any:
    arguments = call.function.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if one.arg == name:
            written = ast.unparse(one.annotation) if one.annotation else ""
            return _evaluated(written, names)
    return type(names[name]) if name in names else _UNREADABLE


def _evaluated(written: str, names: Mapping[str, Any]) -> Any:
    """An annotation, maybe quoted."""
    if not written:
        return _UNREADABLE
    found = eval(written, dict(names))  # noqa: S307  # Our own code.
    return _evaluated(found, names) if isinstance(found, str) else found


def _hints(of: Any) -> dict[str, Any]:
    return get_type_hints(of) if isinstance(of, type) or callable(of) else {}
