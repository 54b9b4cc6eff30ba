"""What a user keeps, and nobody else sees."""

import httpx
import pytest

from tests.api.acts import add_item
from tests.api.shapes import ITEM as FIELDS
from tests.api.shapes import bad_fields, is_new_id, is_time, refused
from tests.people import Person

ITEM = {"title": "A lens", "description": "Polished on both sides."}
NOBODYS = "/v1/items/01890a5d-ac96-774b-bcce-b302099a8057"


async def test_an_item_is_kept_and_read_back(client: httpx.AsyncClient, ada: Person) -> None:
    added = await client.post("/v1/items", json=ITEM, headers=ada)
    assert added.status_code == 201
    found = await client.get(added.headers["location"], headers=ada)
    assert found.json() == added.json()
    assert found.json()["owner_id"] == ada.id


async def test_an_item_has_exactly_the_fields_of_the_contract(client: httpx.AsyncClient, ada: Person) -> None:
    added = await client.post("/v1/items", json=ITEM, headers=ada)
    item = added.json()
    assert list(item) == FIELDS
    assert added.headers["content-type"] == "application/json"
    assert added.headers["location"] == f"/v1/items/{item['id']}"
    assert is_new_id(item["id"])
    assert is_time(item["created_at"])
    assert item["updated_at"] == item["created_at"]
    assert {name: item[name] for name in ITEM} == ITEM


async def test_a_description_may_be_left_out_or_null(client: httpx.AsyncClient, ada: Person) -> None:
    assert (await add_item(client, ada))["description"] is None
    assert (await add_item(client, ada, description=None))["description"] is None


async def test_titles_need_not_be_unique(client: httpx.AsyncClient, ada: Person) -> None:
    assert (await add_item(client, ada, "Twin"))["id"] != (await add_item(client, ada, "Twin"))["id"]


async def test_lengths_are_counted_in_characters_and_kept_to_the_bound(client: httpx.AsyncClient, ada: Person) -> None:
    longest = {"title": "\N{GRINNING FACE}" * 200, "description": "\N{LATIN SMALL LETTER E WITH ACUTE}" * 2000}
    added = await client.post("/v1/items", json=longest, headers=ada)
    assert {name: added.json()[name] for name in longest} == longest
    longer = {"title": "x" * 201, "description": "x" * 2001}
    answer = await client.post("/v1/items", json=longer, headers=ada)
    assert bad_fields(answer) == {"/title": "out_of_range", "/description": "out_of_range"}
    assert bad_fields(await client.post("/v1/items", json={"title": ""}, headers=ada)) == {"/title": "out_of_range"}


@pytest.mark.checklist(50)
@pytest.mark.parametrize("field", ["id", "owner_id", "created_at", "updated_at"])
async def test_what_the_server_decides_cannot_be_sent(client: httpx.AsyncClient, someone: Person, field: str) -> None:
    forged = {field: "01890a5d-ac96-774b-bcce-b302099a8057"}
    answer = await client.post("/v1/items", json=ITEM | forged, headers=someone)
    assert bad_fields(answer) == {f"/{field}": "unknown_field"}


@pytest.mark.checklist(44, 50)
async def test_an_item_cannot_be_given_away(client: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    item = await add_item(client, ada)
    answer = await client.patch(f"/v1/items/{item['id']}", json={"owner_id": bob.id}, headers=ada)
    assert bad_fields(answer) == {"/owner_id": "unknown_field"}
    assert (await client.get(f"/v1/items/{item['id']}", headers=ada)).json() == item


async def test_an_item_is_not_there_for_anyone_else(client: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    item = (await client.post("/v1/items", json=ITEM, headers=ada)).json()
    assert (await client.get(f"/v1/items/{item['id']}", headers=bob)).status_code == 404


@pytest.mark.checklist(45)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "DELETE"])
async def test_a_foreign_item_is_answered_like_one_that_never_was(
    client: httpx.AsyncClient, ada: Person, bob: Person, method: str
) -> None:
    item = await add_item(client, ada)
    body = {"title": "Mine now"} if method == "PATCH" else None
    same = {"x-request-id": "3f2b8a4e-0c39-4b43-9d3b-0e9c5d1f7a10"}
    foreign = await client.request(method, f"/v1/items/{item['id']}", headers=bob | same, json=body)
    missing = await client.request(method, NOBODYS, headers=bob | same, json=body)
    assert foreign.status_code == 404
    assert (foreign.content, foreign.headers) == (missing.content, missing.headers)
    assert (await client.get(f"/v1/items/{item['id']}", headers=ada)).json() == item


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("item_id", ["7", "me", "01890a5d-ac96-774b-bcce-b302099a805", "%00"])
async def test_an_id_that_is_no_uuid_is_not_found(
    client: httpx.AsyncClient, someone: Person, method: str, item_id: str
) -> None:
    refused(await client.request(method, f"/v1/items/{item_id}", headers=someone), 404, "not_found")


async def test_a_patch_changes_what_it_names_and_leaves_the_rest(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add_item(client, ada, description="Old")
    path = f"/v1/items/{item['id']}"
    renamed = await client.patch(path, json={"title": "A mirror"}, headers=ada)
    assert renamed.status_code == 200
    assert renamed.json() | {"updated_at": ""} == item | {"title": "A mirror", "updated_at": ""}
    assert renamed.json()["updated_at"] > item["updated_at"]
    assert (await client.get(path, headers=ada)).json() == renamed.json()


async def test_null_clears_a_description_and_is_refused_for_a_title(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add_item(client, ada, description="Old")
    path = f"/v1/items/{item['id']}"
    cleared = await client.patch(path, json={"description": None}, headers=ada)
    assert (cleared.json()["title"], cleared.json()["description"]) == (item["title"], None)
    assert list(bad_fields(await client.patch(path, json={"title": None}, headers=ada))) == ["/title"]


async def test_an_empty_patch_changes_nothing_at_all(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add_item(client, ada, description="Old")
    answer = await client.patch(f"/v1/items/{item['id']}", json={}, headers=ada)
    assert (answer.status_code, answer.json()) == (200, item)


async def test_a_patch_to_what_is_there_already_is_no_change(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add_item(client, ada, description="Old")
    answer = await client.patch(f"/v1/items/{item['id']}", json={"description": "Old"}, headers=ada)
    assert answer.json() == item


async def test_a_merge_patch_is_read_as_one(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add_item(client, ada)
    merge_patch = {"content-type": "application/merge-patch+json"}
    answer = await client.patch(f"/v1/items/{item['id']}", content=b'{"title":"New"}', headers=ada | merge_patch)
    assert (answer.status_code, answer.json()["title"]) == (200, "New")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_what_is_done_to_one_item_is_done_to_no_other(
    client: httpx.AsyncClient, ada: Person, method: str
) -> None:
    before, item, after = [await add_item(client, ada, title=f"Item {number}") for number in range(3)]
    body = {"title": "Another"} if method == "PATCH" else None
    assert (await client.request(method, f"/v1/items/{item['id']}", json=body, headers=ada)).is_success
    for other in (before, after):
        assert (await client.get(f"/v1/items/{other['id']}", headers=ada)).json() == other


async def test_a_deleted_item_is_gone(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add_item(client, ada)
    deleted = await client.delete(f"/v1/items/{item['id']}", headers=ada)
    assert (deleted.status_code, deleted.content) == (204, b"")
    refused(await client.get(f"/v1/items/{item['id']}", headers=ada), 404, "not_found")
    refused(await client.delete(f"/v1/items/{item['id']}", headers=ada), 404, "not_found")


@pytest.mark.checklist(58)
async def test_items_may_be_kept_by_their_owners_browser_and_must_be_asked_for_anew(
    client: httpx.AsyncClient, ada: Person
) -> None:
    item = await add_item(client, ada)
    for path in ("/v1/items", f"/v1/items/{item['id']}"):
        answer = await client.get(path, headers=ada)
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["vary"] == "Authorization, Accept, Accept-Encoding"
