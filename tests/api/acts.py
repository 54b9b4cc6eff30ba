"""What people do, one line each, for the tests in which that is not what is looked at."""

from typing import Any

import httpx
from litestar import Litestar

from tests.people import PASSWORD, Person, new_email
from tests.people import log_in as open_session


def hashes(app: Litestar) -> int:
    """How many full-cost runs of the password hash there have been."""
    executed: int = app.state.passwords.hashes_executed
    return executed


async def sign_up(client: httpx.AsyncClient, **fields: object) -> httpx.Response:
    return await client.post("/v1/users", json={"email": new_email(), "password": PASSWORD} | fields)


async def log_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD, **more: object) -> httpx.Response:
    return await client.post("/v1/login", json={"email": email, "password": password} | more)


async def log_in_again(client: httpx.AsyncClient, person: Person, **more: str) -> Person:
    """The same person in another session."""
    return await open_session(client, {"id": person.id, "email": person.email}, **more)


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/v1/login/refresh", json={"refresh_token": token})


async def change_password(client: httpx.AsyncClient, person: Person, current: str, new: str) -> httpx.Response:
    body = {"current_password": current, "new_password": new}
    return await client.put("/v1/users/me/password", json=body, headers=person)


async def leave(client: httpx.AsyncClient, person: Person, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/v1/users/me/deletion", json={"password": password}, headers=person)


async def lives(client: httpx.AsyncClient, person: Person) -> bool:
    """Whether the access token opens anything and the refresh token refreshes: both or neither."""
    used = await client.get("/v1/users/me", headers=person)
    renewed = await refresh(client, person.tokens["refresh_token"])
    assert {used.status_code, renewed.status_code} in ({200}, {401})
    return used.status_code == 200


async def add_item(client: httpx.AsyncClient, person: Person, title: str = "A lens", **more: str | None) -> Any:
    added = await client.post("/v1/items", json={"title": title} | more, headers=person)
    assert added.status_code == 201, added.text
    return added.json()


async def read_user(client: httpx.AsyncClient, admin: Person, person: Person) -> Any:
    answer = await client.get(f"/v1/users/{person.id}", headers=admin)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def edit_user(client: httpx.AsyncClient, admin: Person, person: Person, **changes: object) -> httpx.Response:
    return await client.patch(f"/v1/users/{person.id}", json=changes, headers=admin)
