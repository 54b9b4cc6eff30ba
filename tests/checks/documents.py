"""Mutations of the document of the routes, made from it: what would break a client, and what is only added.

A mutation is a name and a function that changes the document in its place.
"""

from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from typing import Any, Final

from tests.documented import whole_document

type Node = dict[str, Any]
type Mutation = tuple[str, Callable[[], object]]

SILENT: Final = frozenset({"description", "summary", "example", "examples"})


def original() -> Node:
    """The document without its prose."""
    found: Node = _bare(whole_document())
    return found


def changed(document: Node, mutations: Callable[[Node], Iterator[Mutation]]) -> Iterator[tuple[str, Node]]:
    """The document after each of the mutations; it is as it was before the next one."""
    found = deepcopy(document)
    for name, mutate in list(mutations(found)):
        before = list(_containers(found))
        mutate()
        yield name, found
        for container, content in before:
            container.clear()
            container.update(content) if isinstance(container, dict) else container.extend(content)


def _containers(node: Any) -> Iterator[tuple[Any, Any]]:
    """Everything that could be changed, and what is in it."""
    if isinstance(node, dict | list):
        yield node, copy(node)
        for one in node.values() if isinstance(node, dict) else node:
            yield from _containers(one)


def _bare(node: Any, names: bool = False) -> Any:
    """`names` says that the keys are names of somebody's, as in `properties`."""
    if isinstance(node, list):
        return [_bare(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {key: _bare(value, key == "properties") for key, value in node.items() if names or key not in SILENT}


def operations(document: Node) -> Iterator[tuple[str, Node]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def schemas_of_requests(document: Node) -> Iterator[tuple[str, Node]]:
    """Every schema that is taken, each once, and a name for it."""
    seen: set[int] = set()
    for name, operation in operations(document):
        media = operation.get("requestBody", {"content": {}})["content"].values()
        for one in (*media, *operation["parameters"]):
            yield from _below(document, one["schema"], name, seen)


def schemas_of_answers(document: Node) -> Iterator[tuple[str, Node]]:
    """Every schema that is given, each once, and a name for it."""
    seen: set[int] = set()
    for name, operation in operations(document):
        for response in operation["responses"].values():
            for one in response.get("content", {}).values():
                yield from _below(document, one["schema"], name, seen)


def _below(document: Node, schema: Node, name: str, seen: set[int]) -> Iterator[tuple[str, Node]]:
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        schema = document["components"]["schemas"][name]
    if id(schema) in seen:
        return
    seen.add(id(schema))
    yield name, schema
    for field, one in schema.get("properties", {}).items():
        yield from _below(document, one, f"{name}.{field}", seen)
    for one in schema.get("anyOf", []):
        yield from _below(document, one, name, seen)
    if "items" in schema:
        yield from _below(document, schema["items"], name, seen)


def broken_operations(document: Node) -> Iterator[Mutation]:
    for path, item in document["paths"].items():
        yield f"no {path}", lambda path=path: document["paths"].pop(path)
        for method in item:
            yield f"no {method} {path}", lambda item=item, method=method: item.pop(method)
    for name, one in operations(document):
        for status, response in one["responses"].items():
            for header in response.get("headers", {}):
                yield f"{name} {status}, no {header}", lambda it=response, key=header: it["headers"].pop(key)
            for kind in response.get("content", {}):
                yield f"{name} {status}, no {kind}", lambda it=response, key=kind: it["content"].pop(key)
            if status < "400":
                yield f"{name}, no {status}", lambda it=one["responses"], key=status: it.pop(key)
                yield (
                    f"{name}, 299 for {status}",
                    lambda it=one["responses"], key=status: it.update({"299": it.pop(key)}),
                )
        for number, parameter in enumerate(one["parameters"]):
            yield f"{name}, no {parameter['name']}", lambda it=one, key=number: it["parameters"].pop(key)
            yield (
                f"{name}, another {parameter['name']}",
                lambda it=parameter: it.update(name="other", **{"in": "query"}),
            )
            if not parameter["required"]:
                yield f"{name}, must {parameter['name']}", lambda it=parameter: it.update(required=True)
        new = {"name": "new", "in": "query", "required": True, "schema": {"type": "string"}}
        yield f"{name}, a new parameter", lambda it=one, new=new: it["parameters"].append(new)
        if body := one.get("requestBody"):
            yield f"{name}, no body", lambda it=one: it.pop("requestBody")
            for kind in body["content"]:
                yield f"{name}, no {kind} taken", lambda it=body, key=kind: it["content"].pop(key)
        else:
            yield f"{name}, a body", lambda it=one: it.update(requestBody={"required": True, "content": {}})
        other = [{"key": []}] if one["security"] else [{"bearer": []}]
        yield f"{name}, other credentials", lambda it=one, other=other: it.update(security=other)


def _other_kind(schema: Node) -> None:
    kind = "integer" if schema.get("type") != "integer" else "string"
    schema.clear()
    schema["type"] = kind


def broken_requests(document: Node) -> Iterator[Mutation]:
    for name, one in schemas_of_requests(document):
        for field in one.get("properties", {}):
            yield f"no {name}.{field}", lambda it=one, key=field: (it["properties"].pop(key), _optional(it, key))
            if field not in one["required"]:
                yield f"must {name}.{field}", lambda it=one, key=field: it["required"].append(key)
        if "properties" in one:
            yield f"must {name}.new", lambda it=one: (it["properties"].update(new={}), it["required"].append("new"))
        if "anyOf" in one:
            for number in range(len(one["anyOf"])):
                yield f"{name} is never {number}", lambda it=one, key=number: it["anyOf"].pop(key)
            continue
        yield f"{name} of another kind", lambda it=one: _other_kind(it)
        if one.get("type") == "string":
            for key, value in (
                ("format", "new"),
                ("pattern", "new"),
                ("minLength", 9),
                ("maxLength", 0),
                ("enum", ["a"]),
            ):
                yield f"{name}, {key} {value}", lambda it=one, key=key, value=value: it.update({key: value})
        elif one.get("type") == "integer":
            yield f"{name}, larger", lambda it=one: it.update(minimum=it.get("minimum", 0) + 1)
            yield f"{name}, smaller", lambda it=one: it.update(maximum=it.get("maximum", 10) - 1)
        elif one.get("type") == "array":
            yield f"{name}, fewer", lambda it=one: it.update(maxItems=it.get("maxItems", 10) - 1)
            yield f"{name}, more", lambda it=one: it.update(minItems=it.get("minItems", 0) + 1)
        for value in one.get("enum", []):
            yield f"{name} is never {value}", lambda it=one, value=value: it["enum"].remove(value)


def _optional(schema: Node, field: str) -> None:
    schema["required"] = [one for one in schema["required"] if one != field]


def broken_answers(document: Node) -> Iterator[Mutation]:
    for name, one in schemas_of_answers(document):
        for field in one.get("properties", {}):
            yield f"no {name}.{field}", lambda it=one, key=field: (it["properties"].pop(key), _optional(it, key))
            if field in one["required"]:
                yield f"maybe {name}.{field}", lambda it=one, key=field: _optional(it, key)
            inner = one["properties"][field]
            yield f"{name}.{field} of another kind", lambda it=inner: _other_kind(it)
            if {"type": "null"} not in inner.get("anyOf", []):
                nullable = {"anyOf": [deepcopy(inner), {"type": "null"}]}
                yield f"{name}.{field} is null", lambda it=inner, new=nullable: (it.clear(), it.update(new))
        for key in ("enum", "const", "format", "pattern"):
            if key in one:
                yield f"{name}, any {key}", lambda it=one, key=key: it.pop(key)
        if "enum" in one:
            yield f"{name}, a new value", lambda it=one: it["enum"].append("new")
        if "const" in one:
            yield f"{name}, another value", lambda it=one: it.update(const="new")


def added(document: Node) -> Iterator[Mutation]:
    paths = document["paths"]
    yield "a path", lambda: paths.update({"/v1/new": deepcopy(paths["/v1/items"])})
    yield "a component", lambda: document["components"]["schemas"].update(New={"type": "object"})
    for path, item in paths.items():
        yield f"put {path}", lambda it=item: it.setdefault("put", deepcopy(next(iter(it.values()))))
        if "{" in path:
            yield f"another name in {path}", lambda path=path: _rename(paths, path)
    for name, one in operations(document):
        yield f"{name} 418", lambda it=one: it["responses"].update({"418": {"description": ""}})
        optional = {"name": "new", "in": "query", "required": False, "schema": {"type": "string"}}
        yield f"{name}, a parameter", lambda it=one, new=optional: it["parameters"].append(new)
        yield f"{name}, no credentials", lambda it=one: it.update(security=[])
        yield f"{name}, a summary", lambda it=one: it.update(summary="new", operationId="new", tags=["new"])
        for part in (*one["responses"].values(), one.get("requestBody", {})):
            if "content" in part:
                yield f"{name}, a type", lambda it=part: it["content"].update({"text/csv": {}})
        for status, response in one["responses"].items():
            yield f"{name} {status}, a header", lambda it=response: it.setdefault("headers", {}).update(New={})
            if status >= "400":
                yield f"{name}, never {status}", lambda it=one["responses"], key=status: it.pop(key)


def _rename(paths: Node, path: str) -> None:
    new = path.replace("{", "{new_")
    paths[new] = paths.pop(path)
    for operation in paths[new].values():
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                parameter["name"] = f"new_{parameter['name']}"


def added_to_schemas(document: Node) -> Iterator[Mutation]:
    """None of them travels both ways, or what is added to the one would be missed of the other."""
    for name, one in schemas_of_requests(document):
        if "properties" in one:
            yield f"maybe {name}.new", lambda it=one: it["properties"].update(new={"type": "string"})
            for field in one["required"]:
                yield f"maybe {name}.{field}", lambda it=one, key=field: _optional(it, key)
        for key in ("minLength", "maxLength", "minimum", "maximum", "pattern", "format", "maxItems"):
            if key in one:
                yield f"{name}, any {key}", lambda it=one, key=key: it.pop(key)
        if "enum" in one:
            yield f"{name}, a new value", lambda it=one: it["enum"].append("new")
        if "anyOf" in one:
            yield f"{name}, another kind", lambda it=one: it["anyOf"].append({"type": "boolean"})
    for name, one in schemas_of_answers(document):
        if "properties" in one:
            new = {"type": "string"}
            yield (
                f"{name}.new",
                lambda it=one, new=new: (it["properties"].update(new=new), it["required"].append("new")),
            )
            rest = sorted(set(one["properties"]) - set(one["required"]))
            yield f"always {name}.{rest}", lambda it=one, rest=rest: it["required"].extend(rest)
        if {"type": "null"} in one.get("anyOf", []):
            yield f"{name} is never null", lambda it=one: it["anyOf"].remove({"type": "null"})
        if one.get("type") == "string" and "const" not in one:
            yield f"{name}, a form", lambda it=one: it.update(maxLength=9, enum=it.get("enum", ["a"])[:1])
