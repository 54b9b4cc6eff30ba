"""What each route costs in round trips to PostgreSQL: counted on the wire, held against CONTRACT.md.

The tests are the table: `pytest tests/queries/test_round_trips.py -v` shows it.
"""

from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest
from litestar import Litestar

from tests.people import PASSWORD, Person, new_email
from tests.routes import routes_of
from tests.wire import Wired

WRONG: Final = "nobody has this password"
CREDENTIALS: Final = {"password": PASSWORD}

# Who asks is an administrator where the route wants one, and where there is nothing to write there is no body.
COST: Final[dict[str, tuple[int, Any]]] = {
    "GET /health/live": (0, None),
    "GET /health/ready": (0, None),
    "GET /.well-known/jwks.json": (0, None),
    "GET /openapi.json": (0, None),
    "GET /docs": (0, None),
    "GET /docs/{digest}/swagger-ui.css": (0, None),
    "GET /docs/{digest}/swagger-ui-bundle.js": (0, None),
    "GET /docs/{digest}/start.js": (0, None),
    "GET /problems": (0, None),
    "GET /problems/{code}": (0, None),
    "POST /v1/users": (1, CREDENTIALS),
    "POST /v1/login": (2, CREDENTIALS),
    "POST /v1/login/refresh": (1, {}),
    "POST /v1/logout": (1, None),
    "GET /v1/users/me": (1, None),
    "PATCH /v1/users/me": (1, {"full_name": "Augusta Ada King"}),
    "POST /v1/users/me/deletion": (2, CREDENTIALS),
    "PUT /v1/users/me/password": (2, {"current_password": PASSWORD, "new_password": "quite another passphrase"}),
    "GET /v1/users": (1, None),
    "GET /v1/users/{user_id}": (1, None),
    "PATCH /v1/users/{user_id}": (1, {"is_active": False}),
    "DELETE /v1/users/{user_id}": (1, None),
    "GET /v1/users/{user_id}/sessions": (1, None),
    "DELETE /v1/users/{user_id}/sessions": (1, None),
    "GET /v1/sessions": (1, None),
    "DELETE /v1/sessions/{session_id}": (1, None),
    "GET /v1/items": (1, None),
    "POST /v1/items": (1, {"title": "A lens"}),
    "POST /v1/items/batch": (1, [{"title": "A lens"}, {"title": "A mirror"}]),
    # Streams are transactions: one statement between BEGIN and COMMIT.
    "POST /v1/items/import": (3, None),
    "GET /v1/items/export": (3, None),
    "GET /v1/items/{item_id}": (1, None),
    "PATCH /v1/items/{item_id}": (1, {"title": "A better lens"}),
    "DELETE /v1/items/{item_id}": (1, None),
}

NDJSON: Final = {"content-type": "application/x-ndjson"}
OPEN: Final = {"POST /v1/users", "POST /v1/login", "POST /v1/login/refresh"}


@pytest.fixture
async def request_of(
    app: Litestar, client: httpx.AsyncClient, ada: Person, admin: Person
) -> Callable[[str], dict[str, Any]]:
    """Makes the request of a route, so that it succeeds."""
    addresses = {route.name: route.path for route in routes_of(app)}
    item = (await client.post("/v1/items", json={"title": "A lens"}, headers=ada)).json()["id"]
    session = (await client.get("/v1/sessions", headers=ada)).json()[0]["id"]

    def request(name: str) -> dict[str, Any]:
        path, body = addresses[name], COST[name][1]
        if name == "POST /v1/login/refresh":
            body = {"refresh_token": ada.tokens["refresh_token"]}
        elif name in ("POST /v1/users", "POST /v1/login"):
            body = CREDENTIALS | {"email": ada.email if "login" in name else new_email()}
        streams = name == "POST /v1/items/import"
        administers = path == "/v1/users" or "{user_id}" in path
        return {
            "method": name.partition(" ")[0],
            "path": path.format(item_id=item, user_id=ada.id, session_id=session, code="not_found"),
            "headers": {**(admin if administers else ada)} | (NDJSON if streams else {}),
        } | ({"content": b'{"title":"A lens"}'} if streams else {"json": body})

    return request


def test_every_route_has_a_line_in_the_table(app: Litestar) -> None:
    assert {route.name for route in routes_of(app)} == set(COST)


@pytest.mark.parametrize("name", [f"{name}: {cost}" for name, (cost, _) in COST.items()])
async def test_a_route_costs(name: str, wired: Wired, request_of: Callable[[str], dict[str, Any]]) -> None:
    name, _, expected = name.rpartition(": ")
    status, trips = await wired.cost(**request_of(name))
    assert (status < 300, trips) == (True, int(expected))


@pytest.mark.parametrize("name", [name for name in COST if name.startswith("GET")])
async def test_head_costs_what_get_costs(name: str, wired: Wired, request_of: Callable[[str], dict[str, Any]]) -> None:
    assert await wired.cost(**request_of(name) | {"method": "HEAD"}) == (200, COST[name][0])


@pytest.mark.parametrize("name", [name for name, (_, body) in COST.items() if body is not None])
async def test_what_is_refused_unread_costs_at_most_a_look_at_the_session(
    name: str, wired: Wired, request_of: Callable[[str], dict[str, Any]]
) -> None:
    """Where a token is wanted 401 comes first, and whether its session still lives only the database knows."""
    cost = 0 if name in OPEN else 1
    request = request_of(name) | {"json": None}
    json = {"content-type": "application/json"}
    assert await wired.cost(**request | {"content": b"<xml/>"}) == (415, cost)
    assert await wired.cost(**request | {"content": b"{", "headers": request["headers"] | json}) == (400, cost)
    assert await wired.cost(**request | {"json": {"nonsense": 1}}) == (422, cost)
