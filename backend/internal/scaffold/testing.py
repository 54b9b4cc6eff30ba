"""The API test of a resource, and what it says about itself to the tests that walk all of them."""

from collections.abc import Iterator, Sequence

from backend.internal.scaffold.fields import Field
from backend.internal.scaffold.layout import WIDTH, bracketed, imported
from backend.internal.scaffold.resource import Resource, filled_in

_LEFT_OUT = """
@pytest.mark.parametrize("field", OPTIONAL)
async def test_what_is_optional_may_be_left_out_or_null(client: httpx.AsyncClient, ada: Person, field: str) -> None:
    for number, null in enumerate(({}, {field: None})):
        body = {name: value for name, value in numbered(number).items() if name != field}
        assert (await add(client, ada, body | null))[field] is None


@pytest.mark.parametrize("field", OPTIONAL)
async def test_null_clears_what_is_optional(client: httpx.AsyncClient, ada: Person, field: str) -> None:
    row = await add(client, ada)
    answer = await client.patch(f"{PATH}/{row['id']}", json={field: None}, headers=ada)
    assert answer.json() == row | {field: None, "updated_at": answer.json()["updated_at"]}

"""
_REQUIRED = """
@pytest.mark.parametrize("field", REQUIRED)
async def test_what_is_required_is_missed(client: httpx.AsyncClient, someone: Person, field: str) -> None:
    body = {name: value for name, value in BODY.items() if name != field}
    answer = await client.post(PATH, json=body, headers=someone)
    assert bad_fields(answer) == {f"/{field}": "missing"}

"""
_EXTREMES = """
@pytest.mark.parametrize(("field", "value"), EXTREMES)
async def test_what_is_just_within_bounds_is_kept(
    client: httpx.AsyncClient, ada: Person, field: str, value: object
) -> None:
    row = await add(client, ada, BODY | {field: value})
    assert row[field] == value
    assert (await client.get(f"{PATH}/{row['id']}", headers=ada)).json() == row

"""
_UNIQUE = """
@pytest.mark.parametrize(("field", "code"), UNIQUE)
async def test_what_is_unique_is_refused_to_the_same_owner_alone(
    client: httpx.AsyncClient, ada: Person, bob: Person, field: str, code: str
) -> None:
    first, second = [await add(client, ada, numbered(number)) for number in range(2)]
    twice = numbered(2) | {field: first[field]}
    refused(await client.post(PATH, json=twice, headers=ada), 409, code)
    path = f"{PATH}/{second['id']}"
    refused(await client.patch(path, json={field: first[field]}, headers=ada), 409, code)
    assert (await client.get(path, headers=ada)).json() == second
    assert (await add(client, bob, twice))[field] == first[field]

"""


def api_test(resource: Resource) -> str:
    """`tests/api/test_<name>.py`."""
    fields = resource.fields
    nth = [f'"{field.name}": {field.kind.nth}' for field in resource.unique]
    extremes = [f'("{field.name}", {value})' for field in fields for value in field.extremes]
    return filled_in(
        "test",
        resource,
        test_imports=_test_imports(resource),
        fields="\n".join(_constants(resource, extremes)),
        body=bracketed("BODY: Final[dict[str, Any]] = {", _pairs(fields, "sent"), "}"),
        other=bracketed("OTHER: Final[dict[str, Any]] = {", _pairs(fields, "other"), "}"),
        like_no_other=" like no other of the same test" if nth else "; no two need be different",
        numbered=bracketed("return BODY | {", nth, "}", 4) if nth else "    return dict(BODY)",
        optional_tests=_LEFT_OUT if resource.optional else "",
        required_test=_REQUIRED if resource.required else "",
        bounds_test=_EXTREMES if extremes else "",
        unique_tests=_UNIQUE if resource.unique else "",
    )


def _test_imports(resource: Resource) -> str:
    unique = {field.kind.word for field in resource.unique}
    standard = [
        *(["from datetime import date"] if "date" in unique else []),
        "from typing import Any, Final",
        *(["from uuid import UUID"] if "uuid" in unique else []),
    ]
    shapes = imported("tests.api.shapes", ["bad_fields", "is_new_id", "is_time", "refused"])
    own = [shapes, "from tests.people import Person"]
    return "\n\n".join("\n".join(one) for one in (standard, ["import httpx", "import msgspec", "import pytest"], own))


def _constants(resource: Resource, extremes: Sequence[str]) -> Iterator[str]:
    yield bracketed("FIELDS: Final = [", [f'"{name}"' for name in resource.columns], "]")
    for name, fields in (("REQUIRED", resource.required), ("OPTIONAL", resource.optional)):
        if fields:
            yield bracketed(f"{name}: Final = [", [f'"{field.name}"' for field in fields], "]")
    if resource.unique:
        unique = [f'("{field.name}", "{resource.code(field)}")' for field in resource.unique]
        yield bracketed("UNIQUE: Final = [", unique, "]")
    if extremes:
        yield bracketed("EXTREMES: Final[list[tuple[str, object]]] = [", extremes, "]")
    refused = [f'("{field.name}", {value}, "{code}")' for field in resource.fields for value, code in field.refused]
    yield bracketed("REFUSED: Final[list[tuple[str, object, str]]] = [", refused, "]")


def expected(resource: Resource) -> str:
    """`tests/expected/<name>.py`."""
    changed, unique = resource.fields[0], bool(resource.unique)
    taken = [f'"{resource.key(field)}": "{resource.code(field)}"' for field in resource.unique]
    return (
        filled_in(
            "expected",
            resource,
            expected_imports=_expected_imports(resource),
            bodies=_bodies(resource),
            new_body="new" if unique else "NEW",
            patch_body="changed" if changed.unique else "CHANGED",
            takes=", takes=TAKES" if _takes(resource) else "",
            grants=_grants(resource),
            twice="\n" + bracketed("TAKEN: Final = {", taken, "}") + "\n" if unique else "",
        ).rstrip("\n")
        + "\n"
    )


def _expected_imports(resource: Resource) -> str:
    random = " ".join(field.kind.random for field in resource.unique)
    standard = [
        *(["import secrets"] if "secrets" in random else []),
        *(["from datetime import date"] if "date." in random else []),
        "from typing import Any, Final",
        *(["from uuid import uuid4"] if "uuid4" in random else []),
    ]
    shapes = ["Grants", "Route", "Way", "made", *(["unlike"] if "unlike" in random else [])]
    own = [imported("tests.expected.shapes", shapes), *(["from tests.people import Person"] if random else [])]
    return "\n\n".join("\n".join(one) for one in (standard, own))


def _bodies(resource: Resource) -> str:
    """As constants; as functions where no two may be the same."""
    first = resource.fields[0]
    sent = [f'"{field.name}": {field.kind.random if field.unique else field.kind.sent}' for field in resource.fields]
    other = f'{{"{first.name}": {first.kind.random if first.unique else first.kind.other}}}'
    functions, constants = "", ""
    if resource.unique:
        functions += f"\n\ndef new(_: Person) -> dict[str, Any]:\n{bracketed('return {', sent, '}', 4)}\n"
    else:
        constants += bracketed("NEW: Final[Any] = {", sent, "}") + "\n"
    if first.unique:
        functions += f"\n\ndef changed(_: Person) -> dict[str, Any]:\n    return {other}\n"
    else:
        constants += f"CHANGED: Final[Any] = {other}\n"
    return _takes(resource) + constants + functions + ("\n" if functions else "")


def _takes(resource: Resource) -> str:
    """Said of fields that the attacks would else find suspicious in a body."""
    names = [field.name for field in resource.fields if field.suspicious]
    return f"{_frozenset('TAKES', names)}\n" if names else ""


def _frozenset(name: str, names: Sequence[str]) -> str:
    quoted = [f'"{one}"' for one in names]
    flat = f"{name}: Final = frozenset({{{', '.join(quoted)}}})"
    return flat if len(flat) <= WIDTH else f"{name}: Final = frozenset(\n{bracketed('{', quoted, '}', 4)}\n)"


def _grants(resource: Resource) -> str:
    written = _frozenset("WRITTEN", [field.name for field in resource.fields])
    granted = f'"{resource.name}": Grants(inserts=WRITTEN, updates=WRITTEN, deletes=True)'
    return f"{written}\n{bracketed('GRANTS: Final = {', [granted], '}')}\n"


def _pairs(fields: Sequence[Field], which: str) -> list[str]:
    return [f'"{field.name}": {getattr(field.kind, which)}' for field in fields]
