"""What a new resource adds to files that are there: lines at a place that is found in the code, not by its number."""

import ast
from collections.abc import Sequence

from backend.internal.scaffold.fields import Field
from backend.internal.scaffold.layout import bracketed, imported
from backend.internal.scaffold.names import spoken, with_article
from backend.internal.scaffold.resource import Resource
from backend.operators import OperatorError

_OURS = ("backend", "queries", "tests")


def app(text: str, resource: Resource) -> str:
    """`backend/app.py`: the controller, and its name in V1."""
    controller = f"{resource.shape}Controller"
    text = _at_the_end_of(text, "V1", f"    {controller},")
    return _import(text, f"backend.controllers.{resource.name}", [controller])


def errors(text: str, resource: Resource) -> str:
    """`backend/errors.py`: a refusal for each unique field, behind those of the same status, and its constraint."""
    for field in resource.unique:
        line = f'    "{resource.key(field)}": {resource.taken(field)},'
        text = _at_the_end_of(text, "BY_CONSTRAINT", line)
    if not resource.unique:
        return text
    conflicts = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and _status(node) == 409]
    if not conflicts:
        raise OperatorError("backend/errors.py has no refusal of status 409, behind which the new ones would be")
    refusals = [_refusal(resource, field) for field in resource.unique]
    return _insert(text, conflicts[-1].end_lineno or 0, "".join(f"\n\n{one}\n" for one in refusals).splitlines())


def _refusal(resource: Resource, field: Field) -> str:
    said, title = spoken(field.name), spoken(field.name).capitalize()
    return "\n".join(
        (
            f"class {resource.taken(field)}(Problem):",
            f'    """There is {with_article(resource.one)} of yours with the same {said} already."""',
            "",
            f'    status_code, code, title = 409, "{resource.code(field)}", "{title} taken"',
            f'    detail = "You have {with_article(resource.one)} with the same {said} already."',
        )
    )


def _status(node: ast.ClassDef) -> object:
    """The status of a refusal, which is the first of the names that its class begins with."""
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple):
            first = statement.value.elts[0]
            return first.value if isinstance(first, ast.Constant) else None
    return None


def examples(text: str, resource: Resource) -> str:
    """`backend/documentation/examples.py`: one of the row, and of each body."""
    shape, first = resource.shape, resource.fields[0]
    row = ["_ID", "_USER_ID", *(field.kind.example for field in resource.fields), "_NOON", "_LATER"]
    lines = [
        bracketed(f"{shape}: {shape}(", row, "),", 4),
        bracketed(f"New{shape}: New{shape}(", [_body(field) for field in resource.fields], "),", 4),
        bracketed(f"{shape}Patch: {shape}Patch(", [f"{first.name}={_body(first)}"], "),", 4),
    ]
    text = _at_the_end_of(text, "EXAMPLES", *lines)
    text = _import(text, f"backend.contracts.{resource.name}", [f"New{shape}", f"{shape}Patch"])
    text = _import(text, f"queries.{resource.name}", [shape])
    return _import(text, "decimal", ["Decimal"]) if resource.has("decimal") else text


def _body(field: Field) -> str:
    return field.kind.sent if field.kind.word == "decimal" else field.kind.example


def changelog(text: str, resource: Resource) -> str:
    """`CHANGELOG.md`: a line at the end of what is added and not yet released, if there is such a section."""
    lines = text.split("\n")
    try:
        start = lines.index("### Added", lines.index("## Unreleased"))
    except ValueError:
        return text
    rest = range(start + 1, len(lines))
    end = next((number for number in rest if lines[number].startswith("#")), len(lines))
    while not lines[end - 1].strip():
        end -= 1
    return _insert(text, end, [f"- `/v1/{resource.name}`: {spoken(resource.name)}, each its owner's alone."])


def assigned(node: ast.stmt) -> list[str]:
    """The names that a statement of a module gives a value to."""
    if isinstance(node, ast.Assign):
        return [one.id for one in node.targets if isinstance(one, ast.Name)]
    return [node.target.id] if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else []


def _at_the_end_of(text: str, name: str, *lines: str) -> str:
    """Before the bracket that closes the list or dict of a module; what is on one line gets a line for each part."""
    nodes = [node for node in ast.parse(text).body if name in assigned(node)]
    if not nodes:
        raise OperatorError(f"there is no {name} any more to add to")
    text = _spread(text, nodes[0])
    end = next(node.end_lineno or 0 for node in ast.parse(text).body if name in assigned(node))
    made = _insert(text, end - 1, "\n".join(lines).split("\n"))
    try:
        ast.parse(made)
    except SyntaxError:
        raise OperatorError(f"{name} is no list or dict with a comma behind its last part: `ruff format` it") from None
    return made


def _spread(text: str, node: ast.stmt) -> str:
    """With each part of a list that stands on one line on a line of its own."""
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if not isinstance(value, ast.List) or value.lineno != value.end_lineno:
        return text
    flat = ast.get_source_segment(text, value) or ""
    parts = [f"    {ast.get_source_segment(text, part)},\n" for part in value.elts]
    lines = text.split("\n")
    lines[value.lineno - 1] = lines[value.lineno - 1].replace(flat, f"[\n{''.join(parts)}]")
    return "\n".join(lines)


def _import(text: str, module: str, names: Sequence[str]) -> str:
    """In its place among those of the same section, which it has to find there."""
    ours = module.partition(".")[0] in _OURS
    line = imported(module, names)
    after = 0
    for node in ast.parse(text).body:
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        if node.module == module and {one.name for one in node.names} >= set(names):
            return text
        if (node.module.partition(".")[0] in _OURS) == ours and (node.module < module or not after):
            after = (node.end_lineno or 0) if node.module < module else node.lineno - 1
        if not ours and node.module > module:
            break
    return _insert(text, after, line.splitlines())


def _insert(text: str, after: int, new: Sequence[str]) -> str:
    """Lines behind the line of this number, counted from 1."""
    lines = text.split("\n")
    return "\n".join((*lines[:after], *new, *lines[after:]))
