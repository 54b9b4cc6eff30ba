"""JSON Schema of the types that travel, from msgspec, which also decodes them: what is said is what is enforced."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec.inspect import CollectionType, DateTimeType, Metadata, StructType, UnionType, multi_type_info

type Schema = dict[str, Any]

REFERENCE: Final = "#/components/schemas/{name}"


def schemas_of(kinds: Iterable[Any]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """The schema of each type, and by name the components that they refer to."""
    distinct = list(dict.fromkeys(kinds))
    schemas, components = msgspec.json.schema_components(distinct, ref_template=REFERENCE)
    for shape in _structs(multi_type_info(distinct)):
        _date(shape, components)
    by_kind = {kind: _portable(schema) for kind, schema in zip(distinct, schemas, strict=True)}
    return by_kind, {_readable(name): _portable(components[name]) for name in sorted(components)}


def _structs(kinds: Iterable[Any]) -> Iterator[StructType]:
    """Every Struct within these types, as msgspec sees it."""
    for kind in kinds:
        match kind:
            case Metadata():
                yield from _structs([kind.type])
            case CollectionType():
                yield from _structs([kind.item_type])
            case UnionType():
                yield from _structs(kind.types)
            case StructType():
                yield kind
                yield from _structs(field.type for field in kind.fields)


def _date(shape: StructType, components: dict[str, Schema]) -> None:
    """msgspec says nothing of the form of a time that might have no zone. All of ours are in UTC."""
    for field in shape.fields:
        kinds = field.type.types if isinstance(field.type, UnionType) else (field.type,)
        if any(isinstance(kind, DateTimeType) for kind in kinds):
            schema = components[shape.cls.__name__]["properties"][field.encode_name]
            for one in schema.get("anyOf", [schema]):
                if one["type"] == "string":
                    one["format"] = "date-time"


def _portable(node: Any) -> Any:
    """A Python pattern ends in `\\Z` where one of JSON Schema (ECMA 262) ends in `$`, and takes `\\Z` for a letter."""
    if isinstance(node, list):
        return [_portable(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {key: _portable(value) for key, value in node.items()}
    if isinstance(pattern := node.get("pattern"), str):
        found["pattern"] = pattern.replace(r"\Z", "$")
    if isinstance(reference := node.get("$ref"), str):
        found["$ref"] = _readable(reference)
    return found


def _readable(name: str) -> str:
    """`Page_Item_`, which is Page[Item], becomes PageOfItem."""
    return re.sub(r"(\w+)_(\w+)_\Z", r"\1Of\2", name)
