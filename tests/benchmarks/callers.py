"""Who asks in the micro-benchmarks: people with twenty items each, who never run out of refresh tokens."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final
from uuid import UUID

from litestar import Litestar

from backend.security.tokens import RefreshTokens
from backend.settings import Settings
from tests.benchmarks.asking import Request, request
from tests.database import Connection, introduce
from tests.people import Person

ITEMS: Final = 20

GIVE_ITEMS: Final = """
INSERT INTO items (owner_id, title, description)
SELECT %(owner)s, 'Item ' || number, 'What is to be said of item ' || number
FROM   generate_series(1, %(items)s) AS number
RETURNING id
"""


class Caller:
    """Somebody, one of his items, and a new refresh token each time that he asks with one."""

    def __init__(self, person: Person, item: UUID, refresh_tokens: Iterator[str]) -> None:
        self.id = person.id
        self._token = person.tokens["access_token"]
        self._item = item
        self._refresh_tokens = refresh_tokens

    def request(self, route: str) -> Request:
        """A request of the route, which is written as "POST /v1/items"."""
        method, _, target = route.partition(" ")
        if make := _SPECIAL.get(route):
            return make(self, method, target)
        return request(method, target.format(item_id=self._item), self._token)

    def _look(self, method: str, target: str) -> Request:
        return request(method, target)

    def _add(self, method: str, target: str) -> Request:
        return request(method, target, self._token, {"title": "A lens", "description": "Ground by hand."})

    def _refresh(self, method: str, target: str) -> Request:
        return request(method, target, json={"refresh_token": next(self._refresh_tokens)})


_SPECIAL: Final[dict[str, Callable[[Caller, str, str], Request]]] = {
    "GET /health/live": Caller._look,
    "POST /v1/items": Caller._add,
    "POST /v1/login/refresh": Caller._refresh,
}


async def call_in(superuser: Connection, app: Litestar, settings: Settings) -> Caller:
    """Introduces somebody new."""
    person = await introduce(superuser, app, settings, "caller")
    cursor = await superuser.execute(GIVE_ITEMS, {"owner": person.id, "items": ITEMS})
    item = (await cursor.fetchall())[0][0]
    session = app.state.access.verify(person.tokens["access_token"]).session_id
    rotations = RefreshTokens(settings)
    return Caller(person, item, (rotations.issue(session, generation) for generation in count()))
