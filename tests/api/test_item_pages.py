"""A list in pages: each item once, whatever happens meanwhile, and no cursor but its own."""

from uuid import UUID

import httpx
import pytest

from backend.contracts.pages import encode_cursor
from tests.api.acts import add_item
from tests.api.shapes import bad_fields, refused
from tests.people import Person


async def test_a_list_shows_only_ones_own(client: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    item = await add_item(client, ada)
    assert (await client.get("/v1/items", headers=ada)).json() == {"items": [item], "next_cursor": None}
    assert (await client.get("/v1/items", headers=bob)).json() == {"items": [], "next_cursor": None}


async def test_a_page_has_twenty_items_unless_more_or_fewer_are_wanted(client: httpx.AsyncClient, ada: Person) -> None:
    ids = [(await add_item(client, ada, f"Number {n}"))["id"] for n in range(21)]
    pages = {limit: (await client.get(f"/v1/items{limit}", headers=ada)).json() for limit in ("", "?limit=100")}
    assert [item["id"] for item in pages[""]["items"]] == ids[:0:-1]
    assert [item["id"] for item in pages["?limit=100"]["items"]] == ids[::-1]
    assert pages["?limit=100"]["next_cursor"] is None


async def test_a_page_that_is_just_full_is_the_last(client: httpx.AsyncClient, ada: Person) -> None:
    for n in range(2):
        await add_item(client, ada, f"Number {n}")
    answer = await client.get("/v1/items?limit=2", headers=ada)
    assert (len(answer.json()["items"]), answer.json()["next_cursor"]) == (2, None)
    assert "link" not in answer.headers


async def test_link_and_cursor_lead_to_the_same_next_page(client: httpx.AsyncClient, ada: Person) -> None:
    ids = [(await add_item(client, ada, f"Number {n}"))["id"] for n in range(3)]
    first = await client.get("/v1/items?limit=2", headers=ada)
    target, relation = first.headers["link"].split("; ")
    assert relation == 'rel="next"'
    assert target.startswith("</v1/items?")
    by_link = await client.get(target.strip("<>"), headers=ada)
    by_cursor = await client.get(f"/v1/items?limit=2&cursor={first.json()['next_cursor']}", headers=ada)
    assert by_link.json() == by_cursor.json()
    assert [item["id"] for item in by_link.json()["items"]] == ids[:1]


async def test_a_walk_sees_each_item_that_stays_exactly_once(client: httpx.AsyncClient, ada: Person) -> None:
    ids = [(await add_item(client, ada, f"Number {n}"))["id"] for n in range(12)]
    seen: list[str] = []
    path: str | None = "/v1/items?limit=3"
    while path:
        page = await client.get(path, headers=ada)
        seen += [item["id"] for item in page.json()["items"]]
        path = page.links["next"]["url"] if "next" in page.links else None
        # Between pages: one comes, one that was seen goes, and the very one that the cursor points to.
        await add_item(client, ada, "Late")
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
    mine = await add_item(client, bob)
    for n in range(3):
        await add_item(client, ada, f"Number {n}")
    cursor = (await client.get("/v1/items?limit=1", headers=ada)).json()["next_cursor"]
    answer = await client.get("/v1/items", params={"cursor": cursor}, headers=bob)
    assert answer.json()["items"] == [mine]


@pytest.mark.checklist(53)
@pytest.mark.parametrize("limit", ["0", "101", "-1", "1000000000", "9" * 40, "many", "", "1.5", "true", "null", "1_0"])
async def test_a_limit_out_of_range_is_named(client: httpx.AsyncClient, someone: Person, limit: str) -> None:
    answer = await client.get("/v1/items", params={"limit": limit}, headers=someone)
    assert list(bad_fields(answer)) == ["limit"]
