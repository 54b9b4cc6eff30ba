"""The promise of a page, tried with whatever comes to mind: who stays is seen once, whatever happens meanwhile."""

import asyncio
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from litestar import Litestar

from backend.settings import Settings
from tests.api.acts import add_item
from tests.api.walks import follow
from tests.database import Connection, introduce, rows
from tests.people import Person

# Few letters, so that titles are equal, have each other in them, or differ in nothing but capitals.
texts: Final = st.text("aAäÄßs%_\\ ", min_size=1, max_size=3)
# What others do to the list: add a title, or remove the item that was there as the n-th.
acts: Final = st.lists(texts | st.integers(0, 11), max_size=3)

lists: Final = st.fixed_dictionaries(
    {"limit": st.integers(1, 5), "order": st.sampled_from(["created_at", "-created_at", "title", "-title"])},
    optional={"q": texts},
)
ADD: Final = "INSERT INTO items (owner_id, title) SELECT %s, title FROM unnest(%s::text[]) AS title RETURNING id, title"


class World:
    """The items of somebody, and what is done to them."""

    def __init__(self, client: httpx.AsyncClient, person: Person, items: list[tuple[Any, ...]]) -> None:
        self.client, self.person = client, person
        self.items = {str(item_id): title for item_id, title in items}
        self.order = list(self.items)

    async def act(self, wishes: list[str | int]) -> None:
        await asyncio.gather(*map(self._do, wishes))

    async def _do(self, wish: str | int) -> None:
        if isinstance(wish, str):
            await add_item(self.client, self.person, wish)
        elif wish < len(self.order):
            await self.client.delete(f"/v1/items/{self.order[wish]}", headers=self.person)
            self.items.pop(self.order[wish], None)


def key_of(order: str, item: dict[str, Any]) -> tuple[str, ...]:
    return (item["title"], item["id"]) if "title" in order else (item["id"],)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    titles=st.lists(texts, max_size=12),
    asked=lists,
    during=st.lists(acts, max_size=8),
    between=st.lists(acts, max_size=8),
)
@example(["a"] * 12, {"limit": 3, "order": "title"}, [[11, "a"]] * 4, [[2, "a"], [5]])
@example(["a"] * 12, {"limit": 3, "order": "-title"}, [[0, "a"]] * 4, [[3, "a"], [8]])
@example(["a"] * 12, {"limit": 3, "order": "title", "q": "A"}, [[11, "A"]] * 4, [[2, "a"], [5]])
@example(["a"] * 12, {"limit": 3, "order": "-title", "q": "A"}, [[0, "A"]] * 4, [[3, "a"], [8]])
async def test_who_is_there_from_first_to_last_is_seen_exactly_once(
    app: Litestar,
    settings: Settings,
    client: httpx.AsyncClient,
    superuser: Connection,
    titles: list[str],
    asked: dict[str, Any],
    during: list[list[str | int]],
    between: list[list[str | int]],
) -> None:
    person = await introduce(superuser, app, settings, "walker")
    world = World(client, person, await rows(superuser, ADD, person.id, titles))
    seen: list[dict[str, Any]] = []
    path: str | None = f"/v1/items?{urlencode(asked)}"
    while path:
        assert len(seen) < 100, "it ends"
        meanwhile = world.act(during.pop() if during else [])
        (page, path), _ = await asyncio.gather(follow(client, person, path), meanwhile)
        seen += page
        await world.act(between.pop() if between else [])

    ids = [item["id"] for item in seen]
    sought = asked.get("q", "").casefold()
    assert len(ids) == len(set(ids)), "none twice"
    assert {one for one, title in world.items.items() if sought in title.casefold()} <= set(ids), "each once"
    assert all(sought in item["title"].casefold() for item in seen), "and nothing else"
    keys = [key_of(asked["order"], item) for item in seen]
    assert keys == sorted(keys, reverse=asked["order"].startswith("-"))
