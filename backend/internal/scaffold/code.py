"""The query module, the contract and the controller of a resource."""

from collections.abc import Iterator
from typing import Final

from backend.internal.scaffold.fields import Field
from backend.internal.scaffold.layout import WIDTH, Brackets, bracketed, imported, listed, sentence
from backend.internal.scaffold.names import spoken, with_article
from backend.internal.scaffold.resource import Resource, filled_in
from backend.internal.scaffold.sql import statements

_KEPT: Final = "what a user keeps. Every statement runs under the caller's policies, so none of them names an owner."


def queries(resource: Resource) -> str:
    """`queries/<name>.py`."""
    one, shape = resource.one, resource.shape
    given = [f"{field.name}={field.name}" for field in resource.fields]
    edits = list(_edits(resource))
    return filled_in(
        "queries",
        resource,
        **statements(resource),
        module_doc=sentence(f"{spoken(resource.name).capitalize()}: {_KEPT}", 0),
        std_imports="\n".join(
            (
                imported("datetime", ["datetime", *(["date"] if resource.has("date") else [])]),
                *(["from decimal import Decimal"] if resource.has("decimal") else []),
                "from typing import Final",
                "from uuid import UUID",
            )
        ),
        struct_fields="\n".join(f"    {field.name}: {field.row}" for field in resource.fields),
        add_def=bracketed(
            "async def add(",
            ["conn: Door", *(f"{field.name}: {field.row}" for field in resource.fields)],
            f") -> Versioned[{shape}]:",
        ),
        add_body=bracketed("return await fetch_one(", ["conn", f"Versioned[{shape}]", "ADD", *given], ")", 4),
        edit_def=bracketed(
            "async def edit(",
            ["conn: Door", f"{one}_id: UUID", "*", "versions: list[int] | None = None", *(a for a, _ in edits)],
            f") -> Changed[{shape}] | None:",
        ),
        edit_doc="What is None stays as it is"
        + ("; what may itself become NULL has a flag that says whether it is set." if resource.optional else "."),
        edit_body=bracketed(
            "return await fetch_optional(",
            ["conn", f"Changed[{shape}]", "EDIT", f"{one}_id={one}_id", "versions=versions", *(b for _, b in edits)],
            ")",
            4,
        ),
        remove_def=bracketed(
            "async def remove(",
            ["conn: Door", f"{one}_id: UUID", "*", "versions: list[int] | None = None"],
            ") -> Removal | None:",
        ),
    )


def _edits(resource: Resource) -> Iterator[tuple[str, str]]:
    """The arguments of `edit`, and how they are passed on."""
    for field in resource.fields:
        if field.optional:
            yield f"sets_{field.name}: bool", f"sets_{field.name}=sets_{field.name}"
        yield f"{field.name}: {field.kind.python} | None", f"{field.name}={field.name}"


def contract(resource: Resource) -> str:
    """`backend/contracts/<name>.py`."""
    aliases = [f"{field.alias} = {field.bounds}\n" for field in resource.fields if field.bounds]
    left_out = sentence(f"{listed([field.name for field in resource.optional])} may be left out.", 4)
    return filled_in(
        "contract",
        resource,
        contract_imports=_contract_imports(resource),
        aliases="".join(aliases) + ("\n" if aliases else ""),
        new_doc=f"{left_out}\n\n" if resource.optional else "",
        new_fields="\n".join(
            f"    {field.name}: {field.body}{' | None = None' if field.optional else ''}" for field in resource.fields
        ),
        or_clears=", null clears what may be null" if resource.optional else "",
        patch_fields="\n".join(
            f"    {field.name}: {field.body} | UnsetType{' | None' if field.optional else ''} = UNSET"
            for field in resource.fields
        ),
    )


def _contract_imports(resource: Resource) -> str:
    bounded = any(field.bounds for field in resource.fields)
    standard = [
        *(["from datetime import date"] if resource.has("date") else []),
        *(["from typing import Annotated"] if bounded else []),
        *(["from uuid import UUID"] if resource.has("uuid") else []),
    ]
    names = ["UNSET", "Struct", "UnsetType", *(["Meta"] if bounded else [])]
    own = [
        *(["from backend.contracts.decimals import Digits"] if resource.has("decimal") else []),
        *(["from backend.contracts.text import NO_NUL"] if resource.has("text") else []),
    ]
    sections = ("\n".join(standard), imported("msgspec", names), "\n".join(own))
    return "\n\n".join(filter(None, sections))


def controller(resource: Resource) -> str:
    """`backend/controllers/<name>.py`."""
    shape, one, name = resource.shape, resource.one, resource.name
    conn, row_id, state = "conn: NamedDependency[Conn]", f"{one}_id: FromPath[UUID]", "if_match: IfMatch = None"
    taken = sorted(resource.taken(field) for field in resource.unique)
    conflicts = [Brackets("raises=[", taken, "]")] if taken else []
    raised = Brackets("raises=[", [*taken, "NotFound", "PreconditionFailed"], "]")
    given = [f"{field.name}={_added(field)}" for field in resource.fields]
    only = ["conn", f"{one}_id", "versions=versions_of(if_match)"]
    edits = [edit for field in resource.fields for edit in _edited(field)]
    changes = f"Change {with_article(one)}. What is left out stays{', null clears' if resource.optional else ''}"
    text = filled_in(
        "controller",
        resource,
        controller_imports=_controller_imports(resource, taken),
        location=_header("Location", f"The address of the new {spoken(one)}."),
        etag=_header("ETag", f"The state of the {spoken(one)}, for conditional requests."),
        page_def=_method("page", [conn, "limit: Limit = 20", "cursor: Cursor = None"], f"Answer[Page[{shape}]]"),
        post=bracketed("@post(", ['"/"', *conflicts, "response_headers=[LOCATION, ETAG]"], ")", 4),
        add_method=_method("add", [conn, f"data: JSONBody[New{shape}]"], f"Answer[{shape}]"),
        added=bracketed(f"added = await {name}.add(", ["conn", *given], ")", 8),
        find_method=_method("find", [conn, row_id], f"Answer[{shape}]"),
        patch=bracketed("@patch(", [f'"/{{{one}_id:uuid}}"', raised, "response_headers=[ETAG]"], ")", 4),
        edit_method=_method("edit", [conn, row_id, f"data: JSONBody[{shape}Patch]", state], f"Answer[{shape}]"),
        edited=_nested("edited = found(", f"await {name}.edit(", [*only, *edits]),
        change_doc=sentence(f"{changes} (RFC 7396). With `If-Match` only in that state.", 8),
        remove_method=_method("remove", [conn, row_id, state], "None"),
        removal=_nested("removal = found(", f"await {name}.remove(", only),
    )
    return text if "UNSET" in text.replace("import UNSET", "") else text.replace("from msgspec import UNSET\n", "")


def _controller_imports(resource: Resource, taken: list[str]) -> str:
    name, shape = resource.name, resource.shape
    found = {
        "backend.answers": ["Answer"],
        f"backend.contracts.{name}": [f"New{shape}", f"{shape}Patch"],
        "backend.contracts.pages": ["Cursor", "Limit", "Page", "before", "page_of"],
        "backend.controllers.found": ["found", "in_state"],
        "backend.errors": [*taken, "InvalidCursor", "NotFound", "PreconditionFailed"],
        "backend.etags": ["IfMatch", "versions_of"],
        "backend.handlers": ["delete", "get", "patch", "post"],
        "queries": [name],
        "queries._fetch": ["Conn"],
        f"queries.{name}": [shape],
    }
    if resource.has("decimal"):
        found["backend.contracts.decimals"] = ["decimal_of"]
    return "\n".join(imported(module, names) for module, names in sorted(found.items()))


def _header(name: str, description: str) -> str:
    parts = [f'"{name}"', "documentation_only=True", f'description="{description}"']
    return bracketed(f"{name.upper()} = ResponseHeader(", parts, ")")


def _method(name: str, arguments: list[str], answer: str) -> str:
    return bracketed(f"async def {name}(", ["self", *arguments], f") -> {answer}:", 4)


def _nested(outer: str, inner: str, parts: list[str]) -> str:
    """A call within a call, the only argument of it."""
    flat = f"        {outer}{inner}{', '.join(parts)}))"
    return flat if len(flat) <= WIDTH else f"        {outer}\n{bracketed(inner, parts, ')', 12)}\n        )"


def _added(field: Field) -> str:
    return f"decimal_of(data.{field.name})" if field.kind.word == "decimal" else f"data.{field.name}"


def _edited(field: Field) -> Iterator[str]:
    name = field.name
    if field.optional:
        yield f"sets_{name}=data.{name} is not UNSET"
    given = _added(field) if field.kind.word == "decimal" else f"None if data.{name} is UNSET else data.{name}"
    yield f"{name}={given}"
