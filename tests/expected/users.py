"""Accounts: one's own, and other people's for administrators."""

from typing import Any, Final

import httpx

from tests.expected.shapes import Grants, Route, Way
from tests.people import PASSWORD, Person, new_email


def somebody_new(_: Person) -> dict[str, Any]:
    return {"email": new_email(), "password": PASSWORD}


async def own(_: httpx.AsyncClient, person: Person) -> str:
    return person.id


NEW_PASSWORD: Final = {"current_password": PASSWORD, "new_password": "quite another passphrase"}
RIGHTS: Final = frozenset({"is_active", "is_admin"})

ROUTES: Final = {
    "POST /v1/users": Route("anyone", 1, somebody_new),
    "GET /v1/users/me": Route("user", 1),
    "PATCH /v1/users/me": Route("user", 1, {"full_name": "Augusta Ada King"}),
    "POST /v1/users/me/deletion": Route("user", 2, {"password": PASSWORD}),
    "PUT /v1/users/me/password": Route("user", 2, NEW_PASSWORD),
    "GET /v1/users": Route("admin", 1),
    "GET /v1/users/{user_id}": Route("admin", 1),
    "PATCH /v1/users/{user_id}": Route("admin", 1, {"is_active": False}, takes=RIGHTS),
    "DELETE /v1/users/{user_id}": Route("admin", 1),
    "GET /v1/users/{user_id}/sessions": Route("admin", 1),
    "DELETE /v1/users/{user_id}/sessions": Route("admin", 1),
}

GRANTS: Final = {"users": Grants(updates=frozenset({"full_name"}), hidden=frozenset({"password_hash"}))}

IDS: Final[dict[str, Way]] = {"user_id": own}
