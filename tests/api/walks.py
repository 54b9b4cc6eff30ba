"""A list walked from page to page, as a client does that follows the links."""

from typing import Any
from urllib.parse import urlencode

import httpx

from tests.people import Person


async def follow(client: httpx.AsyncClient, person: Person, path: str) -> tuple[list[Any], str | None]:
    """One page, and the address of the next one."""
    answer = await client.get(path, headers=person)
    assert answer.status_code == 200, answer.text
    assert ("next" in answer.links) == (answer.json()["next_cursor"] is not None)
    return answer.json()["items"], answer.links.get("next", {}).get("url")


async def walk(client: httpx.AsyncClient, person: Person, **parameters: object) -> list[Any]:
    """All that a list shows."""
    path: str | None = f"/v1/items?{urlencode(parameters)}"
    seen: list[Any] = []
    while path:
        items, path = await follow(client, person, path)
        seen += items
    return seen


async def titles(client: httpx.AsyncClient, person: Person, **parameters: object) -> list[str]:
    return [item["title"] for item in await walk(client, person, **parameters)]
