"""What a user keeps, and nobody else sees."""

import httpx

from tests.people import Person

ITEM = {"title": "A lens", "description": "Polished on both sides."}


async def test_an_item_is_kept_and_read_back(client: httpx.AsyncClient, ada: Person) -> None:
    added = await client.post("/v1/items", json=ITEM, headers=ada)
    assert added.status_code == 201
    found = await client.get(added.headers["location"], headers=ada)
    assert found.json() == added.json()
    assert found.json()["owner_id"] == ada.id


async def test_an_item_is_not_there_for_anyone_else(client: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    item = (await client.post("/v1/items", json=ITEM, headers=ada)).json()
    assert (await client.get(f"/v1/items/{item['id']}", headers=bob)).status_code == 404
