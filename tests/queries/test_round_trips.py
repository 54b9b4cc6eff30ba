"""What each route costs in round trips to PostgreSQL: counted on the wire, held against CONTRACT.md.

The tests are the table: `pytest tests/queries/test_round_trips.py -v` shows it.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final, NamedTuple

import httpx
import pytest
from argon2 import PasswordHasher
from litestar import Litestar

from backend.settings import Settings
from queries import items
from queries._fetch import Conn
from queries.context import Context
from tests.conftest import client_of, running
from tests.database import Connection
from tests.people import PASSWORD, Person, new_email
from tests.routes import routes_of
from tests.wire import Trips, Wire

WRONG: Final = "nobody has this password"
CREDENTIALS: Final = {"password": PASSWORD}

# Who asks is an administrator where the route wants one, and where there is nothing to write there is no body.
COST: Final[dict[str, tuple[int, dict[str, Any] | None]]] = {
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
    "GET /v1/items/{item_id}": (1, None),
    "PATCH /v1/items/{item_id}": (1, {"title": "A better lens"}),
    "DELETE /v1/items/{item_id}": (1, None),
}

OPEN: Final = {"POST /v1/users", "POST /v1/login", "POST /v1/login/refresh"}


class Wired(NamedTuple):
    """The application with a single connection, which runs along the wire."""

    app: Litestar
    client: httpx.AsyncClient
    wire: Wire

    async def cost(self, method: str, path: str, **request: Any) -> tuple[int, int]:
        """The status of the answer, and the round trips that it took."""
        before = self.wire.trips
        answer = await self.client.request(method, path, **request)
        asked, turns = (now - then for now, then in zip(self.wire.trips, before, strict=True))
        assert asked == turns, "two messages wanted an answer in one turn, or one in two"
        return answer.status_code, turns


@pytest.fixture(scope="module")
async def wired(settings: Settings, settings_with: Callable[..., Settings]) -> AsyncIterator[Wired]:
    assert settings.database_url
    async with Wire.to(settings.database_url) as wire:
        along = settings_with(DATABASE_URL=wire.url, POOL_MIN_SIZE="1", POOL_MAX_SIZE="1")
        async with running(along) as app, client_of(app, along) as client:
            await app.state.pool.wait()
            yield Wired(app, client, wire)


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
        administers = path == "/v1/users" or "{user_id}" in path
        return {
            "method": name.partition(" ")[0],
            "path": path.format(item_id=item, user_id=ada.id, session_id=session, code="not_found"),
            "headers": {**(admin if administers else ada)},
            "json": body,
        }

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


async def test_nobody_gets_as_far_as_the_database_without_a_token(wired: Wired) -> None:
    for route in routes_of(wired.app):
        if not route.handler.opt.get("exclude_from_auth"):
            assert await wired.cost(route.method, route.address) == (401, 0), route.name


async def test_an_address_that_is_not_there_costs_nothing(wired: Wired, ada: Person) -> None:
    assert await wired.cost("GET", "/v1/nothing", headers=ada) == (404, 0)
    assert await wired.cost("GET", "/v1/items/no-uuid", headers=ada) == (404, 0)
    assert await wired.cost("TRACE", "/v1/items", headers=ada) == (405, 0)


async def test_a_log_in_that_renews_its_hash_costs_three(wired: Wired, ada: Person, superuser: Connection) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    await superuser.execute("UPDATE users SET password_hash = %s WHERE id = %s", (weaker, ada.id))
    credentials = {"email": ada.email, "password": PASSWORD}
    assert await wired.cost("POST", "/v1/login", json=credentials) == (200, 3)
    assert await wired.cost("POST", "/v1/login", json=credentials) == (200, 2)


@pytest.mark.checklist(9)
async def test_a_refused_log_in_costs_two_whoever_it_was_for(
    wired: Wired, ada: Person, bob: Person, superuser: Connection
) -> None:
    await superuser.execute("UPDATE users SET is_active = false WHERE id = %s", (bob.id,))
    for credentials in (
        {"email": ada.email, "password": WRONG},
        {"email": bob.email, "password": PASSWORD},
        {"email": new_email(), "password": PASSWORD},
    ):
        assert await wired.cost("POST", "/v1/login", json=credentials) == (401, 2)


async def test_a_refused_password_costs_two(wired: Wired, ada: Person) -> None:
    change = {"current_password": WRONG, "new_password": WRONG}
    assert await wired.cost("PUT", "/v1/users/me/password", json=change, headers=ada) == (422, 2)
    assert await wired.cost("POST", "/v1/users/me/deletion", json={"password": WRONG}, headers=ada) == (422, 2)


async def test_an_address_that_is_taken_costs_one(wired: Wired, ada: Person) -> None:
    assert await wired.cost("POST", "/v1/users", json={"email": ada.email, "password": PASSWORD}) == (409, 1)


async def test_a_refresh_within_the_grace_costs_one_and_a_replay_two(wired: Wired, ada: Person) -> None:
    first = {"refresh_token": ada.tokens["refresh_token"]}
    second = (await wired.client.post("/v1/login/refresh", json=first)).json()
    assert await wired.cost("POST", "/v1/login/refresh", json=first) == (200, 1)
    await wired.client.post("/v1/login/refresh", json={"refresh_token": second["refresh_token"]})
    assert await wired.cost("POST", "/v1/login/refresh", json=first) == (401, 2)
    assert await wired.cost("POST", "/v1/login/refresh", json={"refresh_token": "forged"}) == (401, 1)


async def test_a_foreign_item_costs_what_a_missing_one_costs(wired: Wired, ada: Person, bob: Person) -> None:
    item = (await wired.client.post("/v1/items", json={"title": "A lens"}, headers=ada)).json()["id"]
    for whose in (item, bob.id):
        for method, body in (("GET", None), ("PATCH", {"title": "Mine"}), ("DELETE", None)):
            assert await wired.cost(method, f"/v1/items/{whose}", json=body, headers=bob) == (404, 1)


async def test_who_is_no_administrator_learns_it_for_one(wired: Wired, ada: Person) -> None:
    assert await wired.cost("GET", "/v1/users", headers=ada) == (403, 1)


async def test_who_became_an_administrator_pays_one_more_until_the_token_says_so(
    wired: Wired, ada: Person, superuser: Connection
) -> None:
    await superuser.execute("UPDATE users SET is_admin = true WHERE id = %s", (ada.id,))
    assert await wired.cost("GET", f"/v1/users/{ada.id}", headers=ada) == (200, 2)


@pytest.mark.parametrize("statements", [0, 1, 3])
async def test_a_handler_of_several_statements_costs_two_more(statements: int, wired: Wired, ada: Person) -> None:
    principal = wired.app.state.access.verify(ada.tokens["access_token"])
    conn = Conn(wired.app.state.pool, Context(5000, False, principal.user_id, principal.session_id))
    before, said = wired.wire.trips, len(wired.wire.asked)
    async with conn.transaction() as transaction:
        for number in range(statements):
            await items.add(transaction, f"Lens {number}", None)
    assert wired.wire.trips == Trips(before.asked + statements + 2, before.turns + statements + 2)
    first, *_, last = wired.wire.asked[said:]
    assert first.startswith("BEGIN;")
    assert "SELECT enter(" in first
    assert last == "COMMIT"
