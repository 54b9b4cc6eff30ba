"""Items that have something in their titles: any part of it, in capitals or not, and only one's own."""

import httpx
import pytest

from tests.api.acts import add_item
from tests.api.shapes import bad_fields
from tests.api.walks import titles, walk
from tests.people import Person

ORDERS = ["created_at", "-created_at", "title", "-title"]

# What is sought, and the titles that have it.
FOUND = [
    ("lens", ["A lens", "LENSES"]),
    ("LENS", ["A lens", "LENSES"]),
    ("ens", ["A lens", "LENSES"]),
    (" lens", ["A lens"]),
    ("A lens", ["A lens"]),
    ("lense ", []),
    ("zürich", ["Zürich", "ZÜRICH im Regen"]),
    ("ZÜR", ["Zürich", "ZÜRICH im Regen"]),
    ("Ü", ["Zürich", "ZÜRICH im Regen"]),
    ("zurich", []),
    ("strasse", ["Lange Straße", "STRASSE"]),
    ("Straße", ["Lange Straße", "STRASSE"]),
    ("ΟΔΟΣ", ["οδος"]),
    ("%", ["100%", "a%b_c\\d"]),
    ("0%", ["100%"]),
    ("_", ["a%b_c\\d"]),
    ("\\", ["a%b_c\\d"]),
    ("%b_c\\", ["a%b_c\\d"]),
    ("a%d", []),
    ("a_b", []),
    ("\\%", []),
    ("'; DROP TABLE items; --", ["'; DROP TABLE items; --"]),
    ("{}", ["{}"]),
    ("日本", ["日本語"]),
    ("本", ["日本語"]),
    ("\N{GRINNING FACE}", ["\N{GRINNING FACE}"]),
    ("x", []),
]
TITLES = sorted({title for _, found in FOUND for title in found})


@pytest.mark.parametrize("order", ORDERS)
async def test_a_search_finds_every_title_that_has_it(client: httpx.AsyncClient, ada: Person, order: str) -> None:
    for title in TITLES:
        await add_item(client, ada, title)
    for sought, found in FOUND:
        expected = sorted(found, reverse=order.startswith("-"))
        assert await titles(client, ada, q=sought, order=order, limit=1) == expected, sought
        assert await titles(client, ada, q=sought, order=order, limit=100) == expected, sought


async def test_a_search_is_as_long_as_a_title(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add_item(client, ada, "ä" * 200)
    assert await walk(client, ada, q="Ä" * 200) == [item]


async def test_a_search_goes_beyond_what_is_found_by_walking(client: httpx.AsyncClient, ada: Person) -> None:
    """In any order: near the beginning, near the end, and on both sides of a page."""
    rare = [await add_item(client, ada, f"{letter} rare lens") for letter in "az"]
    for batch in range(0, 1200, 100):
        await add_many(client, ada, [f"m lens {n:04}" for n in range(batch, batch + 100)])
    rare += [await add_item(client, ada, f"{letter} rare lens") for letter in "az"]
    for limit in (1, 2, 3, 100):
        assert await walk(client, ada, q="RARE", limit=limit) == rare[::-1]
        assert await walk(client, ada, q="RARE", limit=limit, order="created_at") == rare
        by_title = sorted(rare, key=lambda item: (item["title"], item["id"]))
        assert await walk(client, ada, q="RARE", limit=limit, order="title") == by_title
        assert await walk(client, ada, q="RARE", limit=limit, order="-title") == by_title[::-1]
    for order in ORDERS:
        assert len({item["id"] for item in await walk(client, ada, q="lens", limit=100, order=order)}) == 1204
        assert len(await walk(client, ada, q="9", limit=100, order=order)) == 309


async def add_many(client: httpx.AsyncClient, person: Person, wanted: list[str]) -> None:
    for title in wanted:
        await add_item(client, person, title)


@pytest.mark.checklist(44)
@pytest.mark.parametrize("order", ORDERS)
async def test_nobody_elses_items_are_found(client: httpx.AsyncClient, ada: Person, bob: Person, order: str) -> None:
    for title in TITLES:
        await add_item(client, ada, title)
    mine = await add_item(client, bob, "My own lens")
    for sought in ("lens", "e", "%", "ü"):
        found = await walk(client, bob, q=sought, order=order)
        assert found == ([mine] if sought in mine["title"] else [])


@pytest.mark.checklist(44, 56)
async def test_somebody_elses_cursor_finds_only_ones_own(client: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    mine = await add_item(client, bob, "A lens")
    for _ in range(3):
        await add_item(client, ada, "A lens")
    asked = {"q": "lens", "limit": "1"}
    cursor = (await client.get("/v1/items", params=asked, headers=ada)).json()["next_cursor"]
    answer = await client.get("/v1/items", params=asked | {"cursor": cursor}, headers=bob)
    assert answer.json() == {"items": [mine], "next_cursor": None}


@pytest.mark.checklist(53)
@pytest.mark.parametrize("sought", ["", "x" * 201, "\0", "a\0b", "ä" * 201])
async def test_what_cannot_be_sought_is_named(client: httpx.AsyncClient, someone: Person, sought: str) -> None:
    answer = await client.get("/v1/items", params={"q": sought}, headers=someone)
    assert bad_fields(answer) == {"q": "invalid"}


async def test_a_title_that_changes_is_found_by_the_new_one(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add_item(client, ada, "A lens")
    await client.patch(f"/v1/items/{item['id']}", json={"title": "A mirror"}, headers=ada)
    assert await titles(client, ada, q="lens") == []
    assert await titles(client, ada, q="mirror") == ["A mirror"]
