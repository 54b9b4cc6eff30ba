"""Requests that schemathesis makes of the OpenAPI document, sent to the application in this process.

Their answers are held against the document: no 5xx, no status, media type or header that it does not have, and bodies
that are as their schemas say.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import httpx
import msgspec
import requests
import schemathesis
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.asking import ids_of, request_of
from tests.documented import whole_document
from tests.expected import ROUTES
from tests.people import Person
from tests.routes import Route, routes_of
from tests.security.attacks.stage import Stage

type Operation = APIOperation[Any, Any, Any, Any]

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BASE: Final = "http://lodestar.test"


@schemathesis.serializer("application/vnd.msgpack")
def _packed(_: object, value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


@schemathesis.serializer("application/x-ndjson")
def _line(_: object, value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"


@schemathesis.deserializer("application/vnd.msgpack")
def _unpacked(_: object, response: Any) -> Any:
    return msgspec.msgpack.decode(response.content)


@schemathesis.deserializer("application/x-ndjson")
def _first_line(_: object, response: Any) -> Any:
    """Of a stream that has lines."""
    return msgspec.json.decode(response.content.partition(b"\n")[0])


@cache
def operations() -> dict[str, Operation]:
    """What the document has, by name as in the contract."""
    schema = schemathesis.openapi.from_dict(whole_document())
    return {f"{method.upper()} {path}": schema[path][method] for path in schema for method in schema[path]}


def can_be_wrong(operation: Operation) -> bool:
    """Whether it takes anything that is not just any text."""
    said = operation.definition.raw
    return "requestBody" in said or any(one["schema"] != {"type": "string"} for one in said["parameters"])


def covering(operation: Operation) -> Iterator[Case]:
    """Each bound and each kind of mistake that the schemas of the operation know of, the same ones every time.

    Without the methods that an address does not have: `tests/api/test_methods.py` tries them all.
    """
    schema = operation.schema
    modes = list(GenerationMode)
    for case in schema.iter_coverage_cases(
        operation, generation_modes=modes, generation_config=schema.config.generation
    ):
        if case.method.lower() == operation.method:
            yield case


class Prober:
    """Sends cases as somebody who has what the path names. Whoever has logged out or left is replaced."""

    def __init__(self, stage: Stage, client: httpx.AsyncClient) -> None:
        self._stage, self._client = stage, client
        self._routes = {route.name: route for route in routes_of(stage.app)}
        self._people: dict[str, Person] = {}
        self._ids: Mapping[str, str] = {}

    async def _renew(self) -> None:
        self._people = {who: await self._stage.meet(who, who == "admin") for who in ("user", "admin")}
        self._ids = await ids_of(self._client, self._people["user"])

    async def succeed(self, operation: Operation) -> None:
        """The request of `tests/expected`, which is what the route is for."""
        await self._renew()
        route = self._route(operation)
        who = "admin" if ROUTES[route.name].who == "admin" else "user"
        request = request_of(route, self._people[who], self._ids)
        answer = await self._client.request(request.pop("method"), request.pop("path"), **request)
        assert answer.is_success, answer.text
        named = {name: value for name, value in self._ids.items() if f"{{{name}}}" in route.path}
        operation.Case(path_parameters=named).validate_response(answer, CHECKS)

    async def probe(self, case: Case, who: str, *, own: bool) -> httpx.Response:
        """`own`: for what is there, where the path names something."""
        if not self._people:
            await self._renew()
        answer = await self._send(case, who, own)
        if answer.status_code == 401 and ROUTES[self._route(case.operation).name].who != "anyone":
            await self._renew()
            answer = await self._send(case, who, own)
            assert answer.status_code != 401
        case.validate_response(answer, CHECKS)
        if case.method == "DELETE" and answer.is_success:
            await self._renew()
        return answer

    async def _send(self, case: Case, who: str, own: bool) -> httpx.Response:
        made = case.as_transport_kwargs(base_url=BASE)
        prepared = requests.Request(**made).prepare()
        route = self._route(case.operation)
        url = BASE + route.path.format(**self._ids) if own else str(prepared.url)
        if own:
            url += f"?{query}" if (query := str(prepared.url).partition("?")[2]) else ""
        headers = httpx.Headers(dict(prepared.headers))
        headers.update(self._people[who])
        return await self._client.request(case.method, url, headers=headers, content=prepared.body)

    def _route(self, operation: Operation) -> Route:
        return self._routes[operation.label]
