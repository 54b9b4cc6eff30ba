"""What a user keeps, and nobody else sees."""

from uuid import UUID

import httpx
import pytest

from backend.contracts.pages import encode_cursor
from tests.api.shapes import ITEM as FIELDS
from tests.api.shapes import bad_fields, is_new_id, is_time, refused
from tests.people import Person

ITEM = {"title": "A lens", "description": "Polished on both sides."}
NOBODYS = "/v1/items/01890a5d-ac96-774b-bcce-b302099a8057"


async def add(client: httpx.AsyncClient, person: Person, title: str = "A lens", **more: str | None) -> dict[str, str]:
    added = await client.post("/v1/items", json={"title": title} | more, headers=person)
    assert added.status_code == 201, added.text
    item: dict[str, str] = added.json()
    return item


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
    assert (await add(client, ada))["description"] is None
    assert (await add(client, ada, description=None))["description"] is None


async def test_titles_need_not_be_unique(client: httpx.AsyncClient, ada: Person) -> None:
    assert (await add(client, ada, "Twin"))["id"] != (await add(client, ada, "Twin"))["id"]


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
    item = await add(client, ada)
    answer = await client.patch(f"/v1/items/{item['id']}", json={"owner_id": bob.id}, headers=ada)
    assert bad_fields(answer) == {"/owner_id": "unknown_field"}
    assert (await client.get(f"/v1/items/{item['id']}", headers=ada)).json() == item


# One's own and other people's.


async def test_an_item_is_not_there_for_anyone_else(client: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    item = (await client.post("/v1/items", json=ITEM, headers=ada)).json()
    assert (await client.get(f"/v1/items/{item['id']}", headers=bob)).status_code == 404


@pytest.mark.checklist(45)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "DELETE"])
async def test_a_foreign_item_is_answered_like_one_that_never_was(
    client: httpx.AsyncClient, ada: Person, bob: Person, method: str
) -> None:
    item = await add(client, ada)
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


async def test_a_list_shows_only_ones_own(client: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    item = await add(client, ada)
    assert (await client.get("/v1/items", headers=ada)).json() == {"items": [item], "next_cursor": None}
    assert (await client.get("/v1/items", headers=bob)).json() == {"items": [], "next_cursor": None}


# Changes: RFC 7396.


async def test_a_patch_changes_what_it_names_and_leaves_the_rest(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add(client, ada, description="Old")
    path = f"/v1/items/{item['id']}"
    renamed = await client.patch(path, json={"title": "A mirror"}, headers=ada)
    assert renamed.status_code == 200
    assert renamed.json() | {"updated_at": ""} == item | {"title": "A mirror", "updated_at": ""}
    assert renamed.json()["updated_at"] > item["updated_at"]
    assert (await client.get(path, headers=ada)).json() == renamed.json()


async def test_null_clears_a_description_and_is_refused_for_a_title(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add(client, ada, description="Old")
    path = f"/v1/items/{item['id']}"
    cleared = await client.patch(path, json={"description": None}, headers=ada)
    assert (cleared.json()["title"], cleared.json()["description"]) == (item["title"], None)
    assert list(bad_fields(await client.patch(path, json={"title": None}, headers=ada))) == ["/title"]


async def test_an_empty_patch_changes_nothing_at_all(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add(client, ada, description="Old")
    answer = await client.patch(f"/v1/items/{item['id']}", json={}, headers=ada)
    assert (answer.status_code, answer.json()) == (200, item)


async def test_a_patch_to_what_is_there_already_is_no_change(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add(client, ada, description="Old")
    answer = await client.patch(f"/v1/items/{item['id']}", json={"description": "Old"}, headers=ada)
    assert answer.json() == item


async def test_a_merge_patch_is_read_as_one(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add(client, ada)
    merge_patch = {"content-type": "application/merge-patch+json"}
    answer = await client.patch(f"/v1/items/{item['id']}", content=b'{"title":"New"}', headers=ada | merge_patch)
    assert (answer.status_code, answer.json()["title"]) == (200, "New")


async def test_a_deleted_item_is_gone(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add(client, ada)
    deleted = await client.delete(f"/v1/items/{item['id']}", headers=ada)
    assert (deleted.status_code, deleted.content) == (204, b"")
    refused(await client.get(f"/v1/items/{item['id']}", headers=ada), 404, "not_found")
    refused(await client.delete(f"/v1/items/{item['id']}", headers=ada), 404, "not_found")


@pytest.mark.checklist(58)
async def test_items_may_be_kept_by_their_owners_browser_and_must_be_asked_for_anew(
    client: httpx.AsyncClient, ada: Person
) -> None:
    item = await add(client, ada)
    for path in ("/v1/items", f"/v1/items/{item['id']}"):
        answer = await client.get(path, headers=ada)
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["vary"] == "Authorization"


# Pages.


async def test_a_page_has_twenty_items_unless_more_or_fewer_are_wanted(client: httpx.AsyncClient, ada: Person) -> None:
    ids = [(await add(client, ada, f"Number {n}"))["id"] for n in range(21)]
    pages = {limit: (await client.get(f"/v1/items{limit}", headers=ada)).json() for limit in ("", "?limit=100")}
    assert [item["id"] for item in pages[""]["items"]] == ids[:0:-1]
    assert [item["id"] for item in pages["?limit=100"]["items"]] == ids[::-1]
    assert pages["?limit=100"]["next_cursor"] is None


async def test_a_page_that_is_just_full_is_the_last(client: httpx.AsyncClient, ada: Person) -> None:
    for n in range(2):
        await add(client, ada, f"Number {n}")
    answer = await client.get("/v1/items?limit=2", headers=ada)
    assert (len(answer.json()["items"]), answer.json()["next_cursor"]) == (2, None)
    assert "link" not in answer.headers


async def test_link_and_cursor_lead_to_the_same_next_page(client: httpx.AsyncClient, ada: Person) -> None:
    ids = [(await add(client, ada, f"Number {n}"))["id"] for n in range(3)]
    first = await client.get("/v1/items?limit=2", headers=ada)
    target, relation = first.headers["link"].split("; ")
    assert relation == 'rel="next"'
    assert target.startswith("</v1/items?")
    by_link = await client.get(target.strip("<>"), headers=ada)
    by_cursor = await client.get(f"/v1/items?limit=2&cursor={first.json()['next_cursor']}", headers=ada)
    assert by_link.json() == by_cursor.json()
    assert [item["id"] for item in by_link.json()["items"]] == ids[:1]


async def test_a_walk_sees_each_item_that_stays_exactly_once(client: httpx.AsyncClient, ada: Person) -> None:
    ids = [(await add(client, ada, f"Number {n}"))["id"] for n in range(12)]
    seen: list[str] = []
    path: str | None = "/v1/items?limit=3"
    while path:
        page = await client.get(path, headers=ada)
        seen += [item["id"] for item in page.json()["items"]]
        path = page.links["next"]["url"] if "next" in page.links else None
        # Between pages: one comes, one that was seen goes, and the very one that the cursor points to.
        await add(client, ada, "Late")
        for gone in {seen[-1], seen[0]}:
            await client.delete(f"/v1/items/{gone}", headers=ada)
    assert seen == ids[::-1]


@pytest.mark.checklist(56)
@pytest.mark.parametrize("cursor", ["", "0", "junk", "....", "%00", "\N{SNOWMAN}", "A" * 28, "A" * 5000, "-" * 27])
async def test_junk_is_no_cursor(client: httpx.AsyncClient, someone: Person, cursor: str) -> None:
    answer = await client.get("/v1/items", params={"cursor": cursor}, headers=someone)
    refused(answer, 400, "invalid_cursor")


@pytest.mark.checklist(56)
async def test_a_cursor_has_one_spelling(client: httpx.AsyncClient, someone: Person) -> None:
    cursor = encode_cursor(UUID(int=7), "/v1/items?")
    assert (await client.get("/v1/items", params={"cursor": cursor}, headers=someone)).status_code == 200
    for other in (cursor[:-1], cursor + "A", cursor + "=", "A" + cursor[1:], cursor.swapcase(), f" {cursor}"):
        answer = await client.get("/v1/items", params={"cursor": other}, headers=someone)
        refused(answer, 400, "invalid_cursor")


async def test_the_cursor_of_another_list_is_refused(client: httpx.AsyncClient, someone: Person) -> None:
    for other in ("/v1/users?", "/v1/items?order=title", "/v1/users?email=a%40example.com"):
        cursor = encode_cursor(UUID(int=2**127), other)
        answer = await client.get("/v1/items", params={"cursor": cursor}, headers=someone)
        refused(answer, 400, "invalid_cursor")


async def test_somebody_elses_cursor_shows_only_ones_own(client: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    mine = await add(client, bob)
    for n in range(3):
        await add(client, ada, f"Number {n}")
    cursor = (await client.get("/v1/items?limit=1", headers=ada)).json()["next_cursor"]
    answer = await client.get("/v1/items", params={"cursor": cursor}, headers=bob)
    assert answer.json()["items"] == [mine]


@pytest.mark.checklist(53)
@pytest.mark.parametrize("limit", ["0", "101", "-1", "1000000000", "9" * 40, "many", "", "1.5", "true", "null", "1_0"])
async def test_a_limit_out_of_range_is_named(client: httpx.AsyncClient, someone: Person, limit: str) -> None:
    answer = await client.get("/v1/items", params={"limit": limit}, headers=someone)
    assert list(bad_fields(answer)) == ["limit"]
