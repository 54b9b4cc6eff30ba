"""What a client of the last release could not do any more: one OpenAPI document against a later one.

What is added breaks nobody, except where a client has to send it or is not ready for it.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from backend.checks.changes.narrowing import Break, Narrowing, Part
from backend.checks.changes.pointers import escaped

_METHODS: Final = ("get", "put", "post", "patch", "delete", "head", "options", "trace")
_REFUSALS: Final = "400"  # From this status on.


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[Break]:
    """Each once, in the order of the old document."""
    return list(dict.fromkeys(_Comparison().of(Part(old, "", old), Part(new, "", new))))


class _Comparison:
    def __init__(self) -> None:
        self._requests, self._answers = Narrowing("requests"), Narrowing("answers")

    def of(self, old: Part, new: Part) -> Iterator[Break]:
        shared = all(old.get(key) == new.get(key) for key in ("components", "security"))
        now = {_unnamed(path): path for path in new.value["paths"]}
        for path, item in old.value["paths"].items():
            same = now.get(_unnamed(path))
            if same is None:
                yield Break(f"/paths/{escaped(path)}", f"the path {path} is gone")
                continue
            for method in (one for one in _METHODS if one in item):
                before, after = old.at("paths", path, method), new.at("paths", same, method)
                if before and after:
                    if not shared or before.value != after.value:  # Most of them are as they were.
                        yield from self._operation(before, after, f"{method.upper()} {path}")
                else:
                    pointer = f"/paths/{escaped(same)}/{method}"
                    yield Break(pointer, f"{method.upper()} {path} is gone")

    def _operation(self, old: Part, new: Part, name: str) -> Iterator[Break]:
        if not _open(_security(old), _security(new)):
            yield Break(f"{new.pointer}/security", f"{name} wants other credentials than before")
        yield from self._parameters(old, new, name)
        yield from self._body(old, new, name)
        for status in old.get("responses", {}):
            before, after = old.at("responses", status), new.at("responses", status)
            if before and after:
                yield from self._response(before, after, f"{name} {status}")
            elif status < _REFUSALS:
                yield Break(f"{new.pointer}/responses/{escaped(status)}", f"{name} answers {status} no more")

    def _parameters(self, old: Part, new: Part, name: str) -> Iterator[Break]:
        before, after = _parameters(old), _parameters(new)
        for key, parameter in before.items():
            if key not in after:
                pointer = f"{new.pointer}/parameters"
                yield Break(pointer, f"{name} takes the parameter {parameter.get('name')} no more")
            elif (schema := parameter.at("schema")) and (schema_now := after[key].at("schema")):
                yield from self._requests.breaks(schema, schema_now)
        for key, parameter in after.items():
            if parameter.get("required") and not (key in before and before[key].get("required")):
                yield Break(parameter.pointer, f"{name} requires the parameter {parameter.get('name')} now")

    def _body(self, old: Part, new: Part, name: str) -> Iterator[Break]:
        before, after = old.at("requestBody"), new.at("requestBody")
        if before and not after:
            yield Break(f"{new.pointer}/requestBody", f"{name} takes a body no more")
        if after and after.get("required") and not (before and before.get("required")):
            yield Break(after.pointer, f"{name} requires a body now")
        if before and after:
            yield from self._content(before, after, f"{name} takes", self._requests)

    def _response(self, old: Part, new: Part, name: str) -> Iterator[Break]:
        yield from self._content(old, new, f"{name} has", self._answers)
        for header in old.get("headers", {}):
            if header not in new.get("headers", {}):
                yield Break(f"{new.pointer}/headers/{escaped(header)}", f"{name} has no header {header} any more")

    def _content(self, old: Part, new: Part, name: str, narrowing: Narrowing) -> Iterator[Break]:
        for kind in old.get("content", {}):
            before, after = old.at("content", kind), new.at("content", kind)
            if after is None:
                yield Break(f"{new.pointer}/content/{escaped(kind)}", f"{name} no {kind} any more")
            elif before and (schema := before.at("schema")) and (schema_now := after.at("schema")):
                yield from narrowing.breaks(schema, schema_now)


def _unnamed(path: str) -> str:
    """A path without the names of its parameters, of which no client knows."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def _parameters(operation: Part) -> dict[tuple[str, str], Part]:
    """By place and name; those of the path by their number in it."""
    found: dict[tuple[str, str], Part] = {}
    listed = operation.get("parameters", [])
    in_path = re.findall(r"\{([^}]*)\}", operation.pointer.replace("~1", "/"))
    for number, one in enumerate(listed):
        part = Part(operation.root, f"{operation.pointer}/parameters/{number}", one).at()
        assert part
        place, name = part.get("in"), part.get("name")
        found[place, str(in_path.index(name)) if name in in_path else name] = part
    return found


def _security(operation: Part) -> list[dict[str, Any]]:
    """The ways to be let in, of which any will do."""
    return operation.get("security", operation.root.get("security", [])) or [{}]


def _open(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> bool:
    """Whether whoever was let in is let in still."""
    return all(any(way_now.keys() <= way.keys() for way_now in new) for way in old)
