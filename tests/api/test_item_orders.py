"""Items in the order that is asked for, page by page, and cursors that know which order they were made for."""

from itertools import permutations
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest

from backend.contracts.pages import encode_cursor
from tests.api.acts import add_item
from tests.api.shapes import bad_fields, refused
from tests.api.walks import titles, walk
from tests.people import Person

ORDERS = ["created_at", "-created_at", "title", "-title"]
TITLES = ["pear", "Apple", "fig", "apple", "fig", "Äpfel", "fig"]

# What a list can be asked for: each has cursors of its own.
LISTS: list[dict[str, str]] = [
    {},
    {"order": "created_at"},
    {"order": "title"},
    {"order": "-title"},
    {"q": "a"},
    {"q": "A"},
    {"q": "a", "order": "title"},
]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_a_list_comes_in_the_order_that_is_asked_for(client: httpx.AsyncClient, ada: Person, limit: int) -> None:
    items = [await add_item(client, ada, title) for title in TITLES]
    by_title = sorted(items, key=lambda item: (item["title"], item["id"]))
    assert await walk(client, ada, limit=limit, order="created_at") == items
    assert await walk(client, ada, limit=limit, order="-created_at") == items[::-1]
    assert await walk(client, ada, limit=limit, order="title") == by_title
    assert await walk(client, ada, limit=limit, order="-title") == by_title[::-1]
    assert await walk(client, ada, limit=limit) == items[::-1], "newest first is how it comes by itself"


@pytest.mark.parametrize("order", ORDERS)
async def test_nobody_elses_items_come_in_any_order(
    client: httpx.AsyncClient, ada: Person, bob: Person, order: str
) -> None:
    for title in TITLES:
        await add_item(client, ada, title)
    assert await walk(client, bob, order=order) == []
    mine = await add_item(client, bob, "fig")
    assert await walk(client, bob, order=order, limit=1) == [mine]


async def test_the_longest_titles_have_cursors_too(client: httpx.AsyncClient, ada: Person) -> None:
    long = ["\N{GRINNING FACE}" * 200, "ä" * 200, "ä" * 199]
    for title in long:
        await add_item(client, ada, title)
    assert await titles(client, ada, order="title", limit=1) == sorted(long)


async def test_the_link_keeps_order_and_filter(client: httpx.AsyncClient, ada: Person) -> None:
    asked = {"order": "-title", "q": 'ä &=#%+?/\\">;é', "limit": "1"}
    for _ in range(2):
        await add_item(client, ada, f'Ä &=#%+?/\\">;é {asked["order"]}')
    answer = await client.get("/v1/items", params=asked, headers=ada)
    link = answer.headers["link"]
    assert link.isascii()
    assert link.count(">") == link.count(";") == 1
    query = parse_qs(urlsplit(answer.links["next"]["url"]).query, strict_parsing=True)
    assert query == {name: [value] for name, value in asked.items()} | {"cursor": [answer.json()["next_cursor"]]}


@pytest.mark.checklist(56)
async def test_the_cursor_of_another_order_or_filter_is_refused(client: httpx.AsyncClient, ada: Person) -> None:
    for title in TITLES:
        await add_item(client, ada, title)
    for made, used in permutations(LISTS, 2):
        page = await client.get("/v1/items", params=made | {"limit": "1"}, headers=ada)
        answer = await client.get("/v1/items", params=used | {"cursor": page.json()["next_cursor"]}, headers=ada)
        refused(answer, 400, "invalid_cursor")


async def test_newest_first_is_the_same_list_when_it_is_said_aloud(client: httpx.AsyncClient, ada: Person) -> None:
    for title in TITLES:
        await add_item(client, ada, title)
    cursor = (await client.get("/v1/items?limit=1", headers=ada)).json()["next_cursor"]
    parameters = {"order": "-created_at", "cursor": cursor}
    assert (await client.get("/v1/items", params=parameters, headers=ada)).status_code == 200


@pytest.mark.checklist(56)
@pytest.mark.parametrize("asked", [{"order": "title"}, {"order": "-title"}, {"order": "title", "q": "i"}])
async def test_a_cursor_that_was_tampered_with_is_refused(
    client: httpx.AsyncClient, ada: Person, asked: dict[str, str]
) -> None:
    for _ in range(2):
        await add_item(client, ada, "figs")
    cursor: str = (await client.get("/v1/items", params=asked | {"limit": "1"}, headers=ada)).json()["next_cursor"]
    others = [cursor[:end] for end in range(len(cursor))]
    others += [f"{cursor[:at]}{'B' if one == 'A' else 'A'}{cursor[at + 1 :]}" for at, one in enumerate(cursor)]
    for other in [*others, cursor + "A", cursor + "=", cursor + "AAAA", f" {cursor}", cursor.swapcase()]:
        answer = await client.get("/v1/items", params=asked | {"cursor": other}, headers=ada)
        refused(answer, 400, "invalid_cursor")


@pytest.mark.checklist(56)
@pytest.mark.parametrize("order", ["title", "-title"])
async def test_a_cursor_that_somebody_made_himself_shows_him_no_more(
    client: httpx.AsyncClient, ada: Person, bob: Person, order: str
) -> None:
    """Its digest has no key, so it is no 400 by itself; but what PostgreSQL cannot take is."""
    await add_item(client, ada, "fig")
    mine = [await add_item(client, bob, "fig")]
    for text, status in (("", 200), ("fig", 200), ("\U0010ffff" * 300, 200), ("f\0g", 400)):
        cursor = encode_cursor(UUID(int=7), f"/v1/items?order={order}", text)
        answer = await client.get("/v1/items", params={"order": order, "cursor": cursor}, headers=bob)
        assert answer.status_code == status
        assert status == 400 or answer.json()["items"] in (mine, [])


@pytest.mark.checklist(53)
@pytest.mark.parametrize("order", ["", "id", "Title", " title", "+title", "--title", "title,id", "title desc", "\0"])
async def test_an_order_that_there_is_not_is_named(client: httpx.AsyncClient, someone: Person, order: str) -> None:
    answer = await client.get("/v1/items", params={"order": order}, headers=someone)
    assert bad_fields(answer) == {"order": "invalid"}


async def test_order_and_filter_are_given_once(client: httpx.AsyncClient, someone: Person) -> None:
    answer = await client.get("/v1/items?order=title&order=title&q=a&q=a", headers=someone)
    assert bad_fields(answer) == {"order": "repeated_parameter", "q": "repeated_parameter"}
