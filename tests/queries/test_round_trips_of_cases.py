"""What the cases of a route cost in round trips: refusals, a hash that is renewed, a token that is replayed."""

import re
from typing import Final

import pytest
from argon2 import PasswordHasher

from queries import items
from queries._fetch import Conn
from queries.context import Context
from tests.database import Connection
from tests.people import PASSWORD, Person, new_email
from tests.routes import routes_of
from tests.wire import Trips, Wired

WRONG: Final = "nobody has this password"


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


@pytest.mark.parametrize("order", ["created_at", "-created_at", "title", "-title"])
async def test_a_list_costs_one_in_any_order_and_a_search_too(wired: Wired, ada: Person, order: str) -> None:
    for title in ("A lens", "A lens"):
        await wired.client.post("/v1/items", json={"title": title}, headers=ada)
    for asked in ({"order": order}, {"order": order, "q": "lens"}, {"order": order, "q": "l", "limit": 1}):
        assert await wired.cost("GET", "/v1/items", params=asked, headers=ada) == (200, 1)
    assert await wired.cost("GET", "/v1/items", params={"order": order, "cursor": "x"}, headers=ada) == (400, 1)
    assert await wired.cost("GET", "/v1/items", params={"order": order, "q": ""}, headers=ada) == (422, 1)


@pytest.mark.parametrize(("path", "body"), [("/v1/items", {"title": "A lens"}), ("/v1/items/batch", [{"title": "x"}])])
async def test_a_write_under_a_key_costs_one_and_its_repetition_two(
    wired: Wired, ada: Person, path: str, body: object
) -> None:
    keyed = ada | {"idempotency-key": "k"}
    assert await wired.cost("POST", path, json=body, headers=keyed) == (201, 1)
    assert await wired.cost("POST", path, json=body, headers=keyed) == (201, 2)
    other = [{"title": "y"}] if isinstance(body, list) else {"title": "y"}
    assert await wired.cost("POST", path, json=other, headers=keyed) == (422, 1)


async def test_a_condition_costs_nothing_whatever_comes_of_it(wired: Wired, ada: Person) -> None:
    item = (await wired.client.post("/v1/items", json={"title": "A lens"}, headers=ada)).json()["id"]
    path = f"/v1/items/{item}"
    assert await wired.cost("GET", path, headers=ada | {"if-none-match": '"1"'}) == (304, 1)
    for method, body, done in (("PATCH", {"title": "A mirror"}, 200), ("DELETE", None, 204)):
        assert await wired.cost(method, path, json=body, headers=ada | {"if-match": '"9"'}) == (412, 1)
        seen = '"1"' if method == "PATCH" else '"2"'
        assert await wired.cost(method, path, json=body, headers=ada | {"if-match": seen}) == (done, 1)


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
    assert re.findall(r"EXECUTE ([a-z]+)_", first) == ["begin", "enter"]
    assert last == "COMMIT"
