"""One's own sessions."""

from typing import Final

import httpx

from tests.expected.shapes import Grants, Route, Way
from tests.people import Person


async def newest(client: httpx.AsyncClient, person: Person) -> str:
    answer = await client.get("/v1/sessions", headers=person)
    return str(answer.json()[0]["id"])


ROUTES: Final = {
    "GET /v1/sessions": Route("user", 1),
    "DELETE /v1/sessions/{session_id}": Route("user", 1),
}

GRANTS: Final = {"sessions": Grants(hidden=frozenset({"generation", "rotated_at", "network", "fingerprint"}))}

IDS: Final[dict[str, Way]] = {"session_id": newest}
