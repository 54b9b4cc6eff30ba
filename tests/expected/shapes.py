"""The shapes of what a resource says about itself."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

import httpx
from msgspec import Struct

from tests.people import Person

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"

type Who = Literal["anyone", "user", "admin"]
type Way = Callable[[httpx.AsyncClient, Person], Awaitable[str]]


class Route(Struct, frozen=True):
    """What holds for one route. `trips` are its round trips to PostgreSQL when it succeeds.

    `body` makes it succeed: a value, bytes if `media` is not JSON, or a function of whoever asks, who may have to be
    named in it, or where no two bodies may be the same. `cache` is the Cache-Control of a success to somebody who is
    logged in. `takes` are fields of the body that nobody else's body may have (see FOREIGN in
    `tests/security/attacks/foreign.py`), and ids that are taken whosever they are. `answers` are the statuses that
    follow from no rule, by the name of the actor (see `tests/security/attacks/table.py`), or of the id in the body that
    is somebody else's.
    """

    who: Who
    trips: int
    body: Any = None
    media: str = JSON
    cache: str = "no-store"
    takes: frozenset[str] = frozenset()
    answers: Mapping[str, int] = {}

    def body_for(self, person: Person) -> Any:
        """The body of a request of this person, new each time if it has to be."""
        return self.body(person) if callable(self.body) else self.body


class Grants(Struct, frozen=True):
    """What the role of the API may write of a table, by column, and what of it is not even shown."""

    inserts: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()
    deletes: bool = False
    readable: bool = True
    hidden: frozenset[str] = frozenset()


def made(path: str, body: Any) -> Way:
    """The id of something new, that `POST path` makes for the person; `body` as in Route."""

    async def make(client: httpx.AsyncClient, person: Person) -> str:
        sent = Route("user", 1, body).body_for(person)
        answer = await client.post(path, json=sent, headers=person)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    return make


def unlike(text: str) -> str:
    """The text with an end that no other has, for what has to be unique."""
    return f"{text} {secrets.token_hex(4)}"
