"""What is decided before a handler runs, in which order, and the headers that every answer has."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from backend.settings import Settings
from tests.api.shapes import bad_fields, refused
from tests.conftest import client_of, running
from tests.people import Person
from tests.routes import NOBODY, Route, routes_of

ITEM = b'{"title":"A lens"}'
JSON = {"content-type": "application/json"}
LIMIT = 1024 * 1024


async def count(client: httpx.AsyncClient, person: Person) -> int:
    return len((await client.get("/v1/items?limit=100", headers=person)).json()["items"])


# 415, 406, 413: before the handler, so that nothing has been done.


@pytest.mark.checklist(52)
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/vnd.msgpack",
        "application/merge-patch+json",
        "application/jsonp",
        "application/problem+json",
        "*/*",
        "text/plain; application/json",
    ],
)
async def test_a_body_of_another_type_is_415_and_nothing_is_written(
    client: httpx.AsyncClient, ada: Person, content_type: str
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await client.post("/v1/items", content=ITEM, headers=ada | headers)
    refused(answer, 415, "unsupported_media_type")
    assert await count(client, ada) == 0


async def test_a_body_is_wanted_where_there_is_a_contract_for_it(client: httpx.AsyncClient, someone: Person) -> None:
    refused(await client.post("/v1/items", headers=someone), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", " application/json ;x"]
)
async def test_a_type_is_read_in_any_case_and_with_parameters(
    client: httpx.AsyncClient, ada: Person, content_type: str
) -> None:
    headers = ada | {"content-type": content_type}
    assert (await client.post("/v1/items", content=ITEM, headers=headers)).status_code == 201


@pytest.mark.checklist(52)
@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/vnd.msgpack",
        "application/problem+json",
        "application/json;q=0",
        "application/json;q=0, */*",
        "application/*;q=0.0, */*;q=1",
        "*/*;q=0",
        "text/*",
        "application/jsonp",
    ],
)
async def test_an_answer_that_is_not_accepted_is_406_and_nothing_is_written(
    client: httpx.AsyncClient, ada: Person, accept: str
) -> None:
    headers = ada | JSON | {"accept": accept}
    refused(await client.post("/v1/items", content=ITEM, headers=headers), 406, "not_acceptable")
    assert await count(client, ada) == 0


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/*",
        "application/json",
        "Application/JSON",
        "text/html, application/json;q=0.1",
        "text/html,*/*;q=0.8",
        "application/json;charset=utf-8",
        "text/*;q=0, application/json;q=0.001",
        "*/*;q=0, application/json",
    ],
)
async def test_any_way_of_accepting_json_will_do(client: httpx.AsyncClient, someone: Person, accept: str) -> None:
    answer = await client.get("/v1/users/me", headers=someone | {"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


async def test_several_accept_headers_are_one_list(client: httpx.AsyncClient, someone: Person) -> None:
    for pair in (("text/html", "application/json"), ("application/json", "text/html")):
        headers = [*someone.items(), *(("accept", one) for one in pair)]
        assert (await client.get("/v1/users/me", headers=headers)).status_code == 200


async def test_nothing_need_be_said_of_what_is_accepted(client: httpx.AsyncClient, someone: Person) -> None:
    del client.headers["accept"]
    assert (await client.get("/v1/users/me", headers=someone)).status_code == 200


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    """Sent without a Content-Length."""
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


@pytest.mark.checklist(51)
async def test_a_body_fits_up_to_a_mebibyte_and_is_413_above(client: httpx.AsyncClient, ada: Person) -> None:
    fitting = ITEM + b" " * (LIMIT - len(ITEM))
    for content in (fitting, chunks(fitting)):
        assert (await client.post("/v1/items", content=content, headers=ada | JSON)).status_code == 201
    for content in (fitting + b" ", chunks(fitting + b" ")):
        answer = await client.post("/v1/items", content=content, headers=ada | JSON)
        refused(answer, 413, "body_too_large")
    assert await count(client, ada) == 2


async def test_a_length_that_is_said_is_believed_before_anything_is_read(
    client: httpx.AsyncClient, someone: Person
) -> None:
    for length in (str(LIMIT + 1), "9" * 30):
        headers = someone | JSON | {"content-length": length}
        refused(await client.post("/v1/items", content=ITEM, headers=headers), 413, "body_too_large")


# 405, HEAD and OPTIONS.

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "PROPFIND"}


def methods_by_path(app: Litestar) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for route in routes_of(app):
        found.setdefault(route.address, {"OPTIONS"}).update({route.method} | ({"HEAD"} & {_with_head(route)}))
    return found


def _with_head(route: Route) -> str:
    return "HEAD" if route.method == "GET" else ""


@pytest.mark.checklist(52)
async def test_a_method_that_an_address_lacks_is_405_with_those_that_it_has(
    client: httpx.AsyncClient, app: Litestar
) -> None:
    for path, methods in methods_by_path(app).items():
        for method in METHODS - methods:
            answer = await client.request(method, path)
            assert answer.status_code == 405, (method, path)
            assert set(answer.headers["allow"].split(", ")) == methods
            if method != "HEAD":
                refused(answer, 405, "method_not_allowed")


async def test_options_says_the_same_and_needs_no_token(client: httpx.AsyncClient, app: Litestar) -> None:
    for path, methods in methods_by_path(app).items():
        answer = await client.options(path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert set(answer.headers["allow"].split(", ")) == methods, path
    refused(await client.options("/nowhere"), 404, "not_found")


@pytest.mark.checklist(67)
async def test_head_is_get_without_the_body_everywhere(
    client: httpx.AsyncClient, app: Litestar, someone: Person, admin: Person
) -> None:
    item = (await client.post("/v1/items", content=ITEM, headers=someone | JSON)).headers["location"]
    same = {"x-request-id": str(NOBODY)}
    paths = [route.address for route in routes_of(app) if route.method == "GET"]
    for path in [*paths, item, "/v1/items?limit=1", "/v1/items?limit=0", "/v1/items?cursor=x", "/nowhere"]:
        for person in (someone, admin, {}):
            got = await client.get(path, headers=person | same)
            head = await client.head(path, headers=person | same)
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert head.headers.multi_items() == got.headers.multi_items(), path
            assert int(head.headers["content-length"]) == len(got.content)


@pytest.mark.checklist(65)
async def test_head_needs_a_token_where_get_does(client: httpx.AsyncClient, app: Litestar) -> None:
    for route in routes_of(app):
        if route.method == "GET":
            answer = await client.head(route.address)
            assert (answer.status_code == 401) != bool(route.handler.opt.get("exclude_from_auth")), route.path


# The order of decisions: 404/405, 401, 413/415/406, 403, 400/422, the rest. Each of these breaks two rules or more.

TOO_LARGE = {"content-length": str(LIMIT + 1)}
NO_JSON = {"content-type": "text/plain"}
NO_ANSWER = {"accept": "text/html"}


async def test_404_and_405_come_before_401_and_everything_after_it(client: httpx.AsyncClient, someone: Person) -> None:
    wrong = TOO_LARGE | NO_JSON | NO_ANSWER
    for person in ({}, {"authorization": "Bearer nonsense"}, someone):
        for path in ("/nowhere", "/v1/items/7", "/v1/users/me/sessions", "/v1", "/"):
            refused(await client.get(f"{path}?limit=0", headers=person | wrong), 404, "not_found")
        refused(await client.put("/v1/items", headers=person | wrong, content=b"{"), 405, "method_not_allowed")
        refused(await client.post("/v1/users/me?x=1", headers=person | wrong), 405, "method_not_allowed")


@pytest.mark.checklist(65)
async def test_401_comes_before_413_415_and_406(client: httpx.AsyncClient) -> None:
    for wrong in (TOO_LARGE | JSON, NO_JSON, JSON | NO_ANSWER, TOO_LARGE | NO_JSON | NO_ANSWER, JSON):
        answer = await client.post("/v1/items?x=1", content=b"{", headers=wrong)
        refused(answer, 401, "not_authenticated")
        answer = await client.post("/v1/items?x=1", content=b"{", headers=wrong | {"authorization": "Bearer x"})
        refused(answer, 401, "invalid_token")


@pytest.mark.parametrize("path", [f"/v1/users/{NOBODY}", f"/v1/users/{NOBODY}?x=1"])
async def test_413_415_and_406_come_before_403(client: httpx.AsyncClient, someone: Person, path: str) -> None:
    answer = await client.patch(path, content=b"{", headers=someone | NO_JSON)
    refused(answer, 415, "unsupported_media_type")
    answer = await client.patch(path, content=b"{", headers=someone | JSON | NO_ANSWER)
    refused(answer, 406, "not_acceptable")
    answer = await client.patch(path, content=b"{", headers=someone | JSON | TOO_LARGE)
    refused(answer, 413, "body_too_large")
    answer = await client.get("/v1/users?limit=0", headers=someone | NO_ANSWER)
    refused(answer, 406, "not_acceptable")


async def test_413_415_and_406_come_before_400_and_422(client: httpx.AsyncClient) -> None:
    for path in ("/v1/login", "/v1/users", "/v1/login/refresh", "/v1/users?x=1"):
        for content in (b"{", b"{}", b""):
            answer = await client.post(path, content=content, headers=NO_JSON)
            refused(answer, 415, "unsupported_media_type")
            answer = await client.post(path, content=content, headers=JSON | NO_ANSWER)
            refused(answer, 406, "not_acceptable")
            answer = await client.post(path, content=content, headers=JSON | TOO_LARGE)
            refused(answer, 413, "body_too_large")


async def test_403_comes_before_400_422_and_404(client: httpx.AsyncClient, someone: Person) -> None:
    for content in (b"{", b"", b'{"rank":1}', b"{}"):
        answer = await client.patch(f"/v1/users/{NOBODY}", content=content, headers=someone | JSON)
        refused(answer, 403, "not_admin")
    for query in ("limit=0", "colour=red", "cursor=junk", "limit=1&limit=1"):
        refused(await client.get(f"/v1/users?{query}", headers=someone), 403, "not_admin")


async def test_400_and_422_come_before_the_rest(client: httpx.AsyncClient, someone: Person) -> None:
    path = f"/v1/items/{NOBODY}"
    refused(await client.patch(path, content=b"{", headers=someone | JSON), 400, "malformed_json")
    assert bad_fields(await client.patch(path, json={"title": ""}, headers=someone)) == {"/title": "out_of_range"}
    assert bad_fields(await client.delete(f"{path}?x=1", headers=someone)) == {"x": "unknown_parameter"}
    taken = {"email": someone.email, "password": "short"}
    assert bad_fields(await client.post("/v1/users", json=taken)) == {"/password": "too_short"}


# Headers.


async def test_an_incoming_id_is_kept_when_it_is_a_uuid(client: httpx.AsyncClient) -> None:
    for given in (str(NOBODY), "3f2b8a4e-0c39-4b43-9d3b-0e9c5d1f7a10"):
        answer = await client.get("/health/live", headers={"x-request-id": given})
        assert answer.headers["x-request-id"] == given
        problem = refused(await client.get("/nowhere", headers={"x-request-id": given}), 404, "not_found")
        assert problem["instance"] == f"urn:uuid:{given}"


@pytest.mark.parametrize("given", ["", "7", "x" * 5000, f"{NOBODY}, {NOBODY}", f"{NOBODY}<script>", "\xff"])
async def test_anything_else_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    headers = [(b"x-request-id", given.encode("latin-1"))]
    answer = await client.get("/health/live", headers=headers)
    (made,) = answer.headers.get_list("x-request-id")
    assert made != given
    assert str(UUID(made)) == made


async def test_every_answer_has_an_id_of_its_own(client: httpx.AsyncClient) -> None:
    ids = {(await client.get("/health/live")).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.checklist(58)
async def test_every_answer_says_what_may_be_done_with_it(
    client: httpx.AsyncClient, app: Litestar, ada: Person
) -> None:
    for route in routes_of(app):
        for person in (ada, {}):
            answer = await client.request(route.method, route.address, headers=person)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert UUID(answer.headers["x-request-id"])
            assert "server" not in answer.headers
            assert len(answer.headers.get_list("cache-control")) == 1
            if person and answer.is_success and not route.handler.opt.get("exclude_from_auth"):
                wanted = "private, no-cache" if "/items" in route.path else "no-store"
                assert answer.headers["cache-control"] == wanted, route.name


# Other origins.

ORIGIN, HOSTILE = "https://app.example", "https://evil.example"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type"}


@pytest.fixture
async def shared(settings_with: Callable[..., Settings]) -> AsyncIterator[httpx.AsyncClient]:
    """An application that lets one other origin in."""
    settings = settings_with(CORS_ORIGINS=ORIGIN)
    async with running(settings) as started, client_of(started, settings) as client:
        yield client


@pytest.mark.checklist(57)
async def test_a_hostile_origin_is_allowed_nothing(shared: httpx.AsyncClient, someone: Person) -> None:
    for origin in (HOSTILE, "null", f"{ORIGIN}.evil.example", ORIGIN.replace("https", "http"), f"{ORIGIN}:8443", "*"):
        for path in ("/v1/users/me", "/health/live", "/nowhere"):
            for answer in (
                await shared.get(path, headers=someone | {"origin": origin}),
                await shared.options(path, headers={"origin": origin} | PREFLIGHT),
            ):
                assert not [name for name in answer.headers if name.startswith("access-control-")]
                if answer.is_error:
                    refused(answer, 404, "not_found")


@pytest.mark.checklist(57)
async def test_a_configured_origin_is_allowed_by_name(shared: httpx.AsyncClient, someone: Person) -> None:
    preflight = await shared.options("/v1/items", headers={"origin": ORIGIN} | PREFLIGHT)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    allowed = {one.strip().lower() for one in preflight.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type"} <= allowed
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert int(preflight.headers["access-control-max-age"]) > 0
    for path, status in (("/v1/items", 200), ("/v1/items?limit=0", 422), ("/nowhere", 404)):
        answer = await shared.get(path, headers=someone | {"origin": ORIGIN})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, ORIGIN)
    refusal = await shared.get("/v1/items", headers={"origin": ORIGIN})
    assert (refusal.status_code, refusal.headers["access-control-allow-origin"]) == (401, ORIGIN)


@pytest.mark.checklist(57)
async def test_what_depends_on_the_origin_says_so_and_still_on_whom_it_is_for(
    shared: httpx.AsyncClient, someone: Person
) -> None:
    for origin in ({"origin": ORIGIN}, {"origin": HOSTILE}, {}):
        answer = await shared.get("/v1/items", headers=someone | origin)
        vary = {one.strip() for one in ",".join(answer.headers.get_list("vary")).split(",")}
        assert vary == {"Authorization", "Origin"}


@pytest.mark.checklist(57)
async def test_never_is_everybody_allowed_with_credentials(
    shared: httpx.AsyncClient, client: httpx.AsyncClient, someone: Person
) -> None:
    for other in (client, shared):
        for origin in (ORIGIN, HOSTILE):
            for answer in (
                await other.get("/v1/users/me", headers=someone | {"origin": origin, "cookie": "a=b"}),
                await other.options("/v1/users/me", headers={"origin": origin} | PREFLIGHT),
            ):
                assert answer.headers.get("access-control-allow-origin") != "*"
                assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.checklist(57)
async def test_without_configured_origins_nobody_is_allowed(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.get("/health/live", headers={"origin": ORIGIN}),
        await client.options("/v1/items", headers={"origin": ORIGIN} | PREFLIGHT),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
