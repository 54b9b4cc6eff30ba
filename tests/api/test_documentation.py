"""What the API says about itself is whole and true."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import msgspec
import pytest
from click.testing import CliRunner
from litestar import Litestar, MediaType
from msgspec import convert

from backend.controllers.wellknown import KeySet
from backend.documentation.operations import kinds_of
from backend.documentation.refusals import ProblemDetails
from backend.errors import Problem
from backend.internal.openapi import openapi
from backend.operators import OperatorError
from tests.documented import whole_document
from tests.routes import Route, routes_of

PROBLEM: Final = "application/problem+json"
REPRESENTATIONS: Final = {"application/json", "application/vnd.msgpack"}
UNDOCUMENTED: Final = {
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/{digest}/swagger-ui.css",
    "GET /docs/{digest}/swagger-ui-bundle.js",
    "GET /docs/{digest}/start.js",
}


class Operation(NamedTuple):
    """A route and what is said about it."""

    route: Route
    text: dict[str, Any]

    @property
    def contents(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Status, media type and content of each answer that has one."""
        for status, answer in self.text["responses"].items():
            for media_type, content in answer.get("content", {}).items():
                yield status, media_type, content


@pytest.fixture
def operations(app: Litestar) -> list[Operation]:
    paths = whole_document()["paths"]
    return [
        Operation(route, paths[route.path][route.method.lower()])
        for route in routes_of(app)
        if route.name not in UNDOCUMENTED
    ]


async def test_every_route_is_documented_unless_it_is_about_the_documentation(app: Litestar) -> None:
    paths = whole_document()["paths"]
    documented = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert {route.name for route in routes_of(app)} == documented | UNDOCUMENTED


async def test_every_route_says_what_it_is_and_has_a_name_of_its_own(operations: list[Operation]) -> None:
    for _, text in operations:
        assert 3 < len(text["summary"]) < 80
        assert text["description"].startswith(text["summary"])
        assert text["tags"]
        assert re.fullmatch("[a-z]+(_[a-z]+)*", text["operationId"])
    assert len({text["operationId"] for _, text in operations}) == len(operations)


async def test_a_token_is_wanted_wherever_the_application_wants_one(operations: list[Operation]) -> None:
    for route, text in operations:
        assert text["security"] == ([] if route.handler.opt.get("exclude_from_auth") else [{"bearer": []}]), route.name
    schemes = whole_document()["components"]["securitySchemes"]
    assert schemes == {"bearer": schemes["bearer"]}
    assert schemes["bearer"] | {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"} == schemes["bearer"]


async def test_every_body_has_an_example_that_the_application_would_take(operations: list[Operation]) -> None:
    taken = [(route, text) for route, text in operations if route.handler.parsed_data_field]
    assert len(taken) > 5
    for route, text in taken:
        assert text["requestBody"]["required"]
        contents = text["requestBody"]["content"]
        merges = {"application/merge-patch+json"} if route.method == "PATCH" else set()
        assert contents.keys() == REPRESENTATIONS | merges, route.name
        for content in contents.values():
            convert(content["example"], route.handler.parsed_data_field.annotation)


async def test_every_answer_has_an_example_of_its_type(operations: list[Operation]) -> None:
    for operation in operations:
        kinds = [kind for kind in kinds_of(operation.route.handler) if kind is not str]
        for status, media_type, content in operation.contents:
            if media_type in REPRESENTATIONS:
                assert any(_fits(content["example"], kind) for kind in kinds), f"{operation.route.name} {status}"
            elif media_type == MediaType.HTML:
                assert "</html>" in content["example"]


def _fits(example: Any, kind: Any) -> bool:
    """Whether the example is of the type and has all that such an answer has."""
    try:
        return bool(msgspec.to_builtins(convert(example, kind)) == example)
    except msgspec.ValidationError:
        return False


async def test_every_answer_in_json_is_there_in_messagepack_as_well(operations: list[Operation]) -> None:
    for route, text in operations:
        for answer in text["responses"].values():
            found = answer.get("content", {}).keys() & REPRESENTATIONS
            assert found in (set(), REPRESENTATIONS), route.name


async def test_an_answer_without_content_has_none(operations: list[Operation]) -> None:
    for route, text in operations:
        empty = "204" in text["responses"]
        assert empty == (route.handler.status_code == 204)
        assert "content" not in text["responses"].get("204", {})


async def test_every_problem_of_a_route_is_an_example_in_the_one_shape(operations: list[Operation]) -> None:
    for route, text in operations:
        found = {}
        for status, media_type, content in Operation(route, text).contents:
            if media_type == PROBLEM:
                assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}
                assert not text["responses"][status].get("content", {}).keys() - {PROBLEM}
                found |= {code: (int(status), example["value"]) for code, example in content["examples"].items()}
        for code, (status, example) in found.items():
            assert Problem.registry[code].status_code == status
            assert convert(example, ProblemDetails).code == code
            assert example.keys() <= set(ProblemDetails.__struct_fields__)
        assert {"not_acceptable", "validation_failed", "internal_error"} <= found.keys(), route.name
        named = {kind.code for kind in route.handler.raises or ()}
        assert named <= found.keys(), route.name


async def test_what_stands_before_a_handler_is_documented_where_it_stands(operations: list[Operation]) -> None:
    def having(*codes: str) -> set[str]:
        return {
            f"{one.route.method} {one.route.path}"
            for one in operations
            if set(codes) <= {code for _, _, content in one.contents for code in content.get("examples", ())}
        }

    with_body = {f"{route.method} {route.path}" for route, text in operations if "requestBody" in text}
    assert having("body_timeout", "body_too_large", "unsupported_media_type") == with_body
    # Where a body is read line by line that is the matter of a line.
    assert having("malformed_json", "malformed_msgpack") == with_body - {"POST /v1/items/import"}
    assert having("not_authenticated", "invalid_token") == {
        f"{route.method} {route.path}" for route, text in operations if text["security"]
    }
    assert having("overloaded", "database_unavailable", "deadline_exceeded") == {
        f"{route.method} {route.path}" for route, _ in operations if route.path.startswith("/v1/")
    }


async def test_headers_that_are_promised_are_documented(operations: list[Operation]) -> None:
    paths = whole_document()["paths"]
    for _, text in operations:
        assert all("X-Request-ID" in answer["headers"] for answer in text["responses"].values())
        for status, header in (("401", "WWW-Authenticate"), ("429", "Retry-After"), ("503", "Retry-After")):
            assert header in text["responses"].get(status, {"headers": [header]})["headers"]
    assert "Location" in paths["/v1/items"]["post"]["responses"]["201"]["headers"]
    assert "Link" in paths["/v1/items"]["get"]["responses"]["200"]["headers"]
    assert "Link" in paths["/v1/users"]["get"]["responses"]["200"]["headers"]


async def test_parameters_are_those_that_a_client_may_give() -> None:
    """Dependencies are none; a bound of the application is one of the document; what may be left out has no null."""
    (limit, cursor, email) = whole_document()["paths"]["/v1/users"]["get"]["parameters"]
    assert (limit["name"], limit["required"]) == ("limit", False)
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert (cursor["name"], cursor["schema"]) == ("cursor", {"type": "string"})
    assert (email["name"], email["schema"]) == ("email", {"type": "string", "maxLength": 254, "pattern": r"^[^\x00]*$"})
    (scope,) = whole_document()["paths"]["/v1/logout"]["post"]["parameters"]
    assert scope["name"] == "scope"
    assert scope["schema"] == {"enum": ["global", "local", "others"], "default": "local"}
    (item, tags) = whole_document()["paths"]["/v1/items/{item_id}"]["get"]["parameters"]
    assert (item["in"], item["required"], item["schema"]) == ("path", True, {"type": "string", "format": "uuid"})
    assert (tags["name"], tags["in"], tags["required"]) == ("If-None-Match", "header", False)


async def test_what_can_be_304_says_which_header_asks_for_it(operations: list[Operation]) -> None:
    for route, text in operations:
        headers = {one["name"] for one in text["parameters"] if one["in"] == "header"}
        assert ("304" in text["responses"]) == ("If-None-Match" in headers), route.name


async def test_schemas_have_readable_names_and_say_what_msgspec_leaves_out() -> None:
    schemas = whole_document()["components"]["schemas"]
    assert all(re.fullmatch("[A-Z][A-Za-z]+", name) for name in schemas)
    assert "PageOfItem" in schemas
    assert schemas["User"]["properties"]["created_at"] == {"type": "string", "format": "date-time"}
    assert schemas["User"]["properties"]["email_verified_at"]["anyOf"][0]["format"] == "date-time"
    assert schemas["NewItem"]["properties"]["title"]["pattern"].endswith("$")


async def test_the_document_holds_together_and_shows_nothing_of_the_framework() -> None:
    text = json.dumps(whole_document())
    schemas = whole_document()["components"]
    for reference in re.findall(r'"#/components/([^"]+)"', text):
        section, name = reference.split("/")
        assert name in schemas[section]
    assert whole_document()["openapi"].startswith("3.1.")
    assert r"\\Z" not in text  # To JSON Schema that would be the letter.
    assert "status_code" not in text
    assert "oauth2" not in text


async def test_the_documented_shape_of_a_problem_is_the_one_that_is_sent(client: httpx.AsyncClient) -> None:
    sent = (await client.get("/health/live", params={"colour": "red"})).json()
    assert list(sent) == list(ProblemDetails.__struct_fields__)
    assert convert(sent, ProblemDetails, strict=True).errors


async def test_the_documented_shape_of_the_keys_is_the_one_that_is_sent(client: httpx.AsyncClient) -> None:
    sent = (await client.get("/.well-known/jwks.json")).json()
    assert msgspec.to_builtins(convert(sent, KeySet)) == sent


async def test_the_document_is_served_as_the_command_writes_it(client: httpx.AsyncClient, tmp_path: Path) -> None:
    served = await client.get("/openapi.json")
    assert served.headers["content-type"] == "application/json"
    printed = CliRunner().invoke(openapi, ["-"])
    assert json.loads(printed.stdout) == served.json() == whole_document()
    path = tmp_path / "openapi.json"
    assert CliRunner().invoke(openapi, [str(path)]).output == ""
    assert path.read_text() == printed.stdout


async def test_the_command_says_in_one_line_where_it_cannot_write(tmp_path: Path) -> None:
    result = CliRunner().invoke(openapi, [str(tmp_path / "nowhere" / "openapi.json")])
    assert isinstance(result.exception, OperatorError)
    assert "nowhere" in str(result.exception)
    assert "\n" not in str(result.exception)
    assert "Example:" in CliRunner().invoke(openapi, ["--help"]).output
