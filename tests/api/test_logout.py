"""Log-out, and that an ended session opens nothing from the next request on."""

import httpx
import pytest
from litestar import Litestar

from tests.api.acts import lives, log_in_again
from tests.api.shapes import bad_fields, refused
from tests.database import Connection
from tests.people import PASSWORD, Person
from tests.routes import routes_of


@pytest.mark.checklist(29)
@pytest.mark.parametrize(
    ("query", "surviving"),
    [
        ("", [False, True]),
        ("?scope=local", [False, True]),
        ("?scope=others", [True, False]),
        ("?scope=global", [False, False]),
    ],
)
async def test_logging_out_ends_at_once_what_it_says(
    client: httpx.AsyncClient, ada: Person, bob: Person, query: str, surviving: list[bool]
) -> None:
    here, there = ada, await log_in_again(client, ada)
    for person in (here, there):  # Their tokens have been verified and are remembered.
        assert (await client.get("/v1/users/me", headers=person)).status_code == 200
    answer = await client.post(f"/v1/logout{query}", headers=here)
    assert (answer.status_code, answer.content) == (204, b"")
    assert [await lives(client, person) for person in (here, there)] == surviving
    assert await lives(client, bob)


@pytest.mark.parametrize("scope", ["all", "", "LOCAL", "local,others", "x" * 5000])
async def test_another_scope_is_named_and_ends_nothing(client: httpx.AsyncClient, someone: Person, scope: str) -> None:
    answer = await client.post("/v1/logout", params={"scope": scope}, headers=someone)
    assert list(bad_fields(answer)) == ["scope"]
    assert (await client.get("/v1/users/me", headers=someone)).status_code == 200


async def test_whoever_has_logged_out_cannot_log_out_again(client: httpx.AsyncClient, ada: Person) -> None:
    await client.post("/v1/logout", headers=ada)
    refused(await client.post("/v1/logout", headers=ada), 401, "invalid_token")


@pytest.mark.checklist(29, 65)
@pytest.mark.parametrize("gone", ["deleted", "disabled", "logged out"])
async def test_without_a_session_every_route_that_wants_a_token_is_401(
    client: httpx.AsyncClient, app: Litestar, superuser: Connection, ada: Person, gone: str
) -> None:
    assert (await client.get("/v1/users/me", headers=ada)).status_code == 200
    if gone == "deleted":
        await superuser.execute("DELETE FROM users WHERE id = %s", (ada.id,))
    elif gone == "disabled":
        await superuser.execute("UPDATE users SET is_active = false WHERE id = %s", (ada.id,))
    else:
        await client.post("/v1/logout", headers=ada)
    bodies = {
        "PATCH": {},
        "POST": {"title": "x", "password": PASSWORD},
        "PUT": {"current_password": PASSWORD, "new_password": "y" * 3},
    }
    for route in routes_of(app):
        if route.handler.opt.get("exclude_from_auth"):
            continue
        for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
            answer = await client.request(method, route.address, headers=ada, json=bodies.get(method))
            assert (answer.status_code, route.name) == (401, route.name)
            assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.checklist(29)
@pytest.mark.parametrize(
    ("method", "path", "content", "content_type"),
    [
        ("POST", "/v1/items", b"{}", "application/json"),
        ("POST", "/v1/items", b"{", "application/json"),
        ("POST", "/v1/items", b"{}", "text/plain"),
        ("POST", "/v1/items", b"x" * (1024 * 1024 + 1), "application/json"),
        ("GET", "/v1/items?limit=0", b"", ""),
        ("GET", "/v1/items?colour=red", b"", ""),
        ("GET", "/v1/items?cursor=junk", b"", ""),
        ("POST", "/v1/logout?scope=all", b"", ""),
        ("GET", "/v1/users?limit=0", b"", ""),
    ],
)
async def test_an_ended_session_is_401_before_anything_else_is_said(
    client: httpx.AsyncClient, ada: Person, method: str, path: str, content: bytes, content_type: str
) -> None:
    await client.post("/v1/logout", headers=ada)
    headers = {"content-type": content_type} if content_type else {}
    answer = await client.request(method, path, headers=ada | headers, content=content)
    refused(answer, 401, "invalid_token")
