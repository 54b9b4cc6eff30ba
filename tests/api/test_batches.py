"""A batch: many items in one body and one statement, all or none."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.shapes import ITEM, bad_fields, refused
from tests.database import Connection, rows
from tests.people import Person

MANY = [{"title": f"Number {number}", "description": None if number % 2 else f"of {number}"} for number in range(1000)]
ODD = [
    '"quoted"',
    "\\",
    "NULL",
    "null",
    "{a,b}",
    "a,b",
    "{}",
    " ",
    "O'Brien'; --",
    "🦊\u202e",
    "\x01",
    "line\nbreak",
    "%s",
]


async def send(client: httpx.AsyncClient, headers: Any, items: Any) -> httpx.Response:
    return await client.post("/v1/items/batch", json=items, headers=headers)


async def count(superuser: Connection, person: Person) -> int:
    return len(await rows(superuser, "SELECT FROM items WHERE owner_id = %s", person.id))


async def test_a_batch_is_answered_in_the_order_in_which_it_came(client: httpx.AsyncClient, ada: Person) -> None:
    answer = await send(client, ada, MANY)
    assert (answer.status_code, list(answer.json())) == (201, ["created", "items"])
    assert answer.json()["created"] == 1000
    kept = answer.json()["items"]
    assert [{"title": one["title"], "description": one["description"]} for one in kept] == MANY
    assert all(list(one) == ITEM and one["owner_id"] == ada.id for one in kept)
    newest = (await client.get("/v1/items?limit=100", headers=ada)).json()["items"]
    assert newest == kept[:-101:-1]


async def test_texts_arrive_as_they_are(client: httpx.AsyncClient, ada: Person) -> None:
    sent = [{"title": text, "description": text} for text in ODD] + [{"title": "x", "description": ""}, {"title": "y"}]
    kept = (await send(client, ada, sent)).json()["items"]
    assert [{"title": one["title"], "description": one["description"]} for one in kept] == [
        {"description": None} | one for one in sent
    ]


async def test_an_empty_batch_is_done_at_once(client: httpx.AsyncClient, ada: Person) -> None:
    answer = await send(client, ada, [])
    assert (answer.status_code, answer.json()) == (201, {"created": 0, "items": []})


async def test_every_bad_item_is_named_by_index_and_field_and_none_is_kept(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    bad = [{"title": "good"}, {"title": ""}, {"description": 7}, 5, {"title": "x", "colour": "red"}, {"title": "y\x00"}]
    assert bad_fields(await send(client, ada, bad)) == {
        "/1/title": "out_of_range",
        "/2/title": "missing",
        "/2/description": "invalid",
        "/3": "invalid",
        "/4/colour": "unknown_field",
        "/5/title": "invalid",
    }
    assert await count(superuser, ada) == 0


async def test_of_very_many_bad_items_the_first_are_named(client: httpx.AsyncClient, ada: Person) -> None:
    named = bad_fields(await send(client, ada, [{"title": 7}] * 1000))
    assert list(named)[:2] == ["/0/title", "/1/title"]
    assert 10 < len(named) < 1000


@pytest.mark.parametrize("body", ["{}", '{"title":"A lens"}', "null", '"x"', "7", "true"])
async def test_what_is_no_list_is_no_batch(client: httpx.AsyncClient, someone: Person, body: str) -> None:
    headers = someone | {"content-type": "application/json"}
    answer = await client.post("/v1/items/batch", content=body, headers=headers)
    assert bad_fields(answer) == {"": "invalid"}


async def test_a_thousand_and_one_are_too_many(client: httpx.AsyncClient, ada: Person, superuser: Connection) -> None:
    assert bad_fields(await send(client, ada, [*MANY, {"title": "One more"}])) == {"": "out_of_range"}
    assert await count(superuser, ada) == 0


async def test_a_batch_may_have_eight_mebibytes_where_an_item_may_have_one(
    client: httpx.AsyncClient, ada: Person
) -> None:
    long = [{"title": "x" * 200, "description": "\u20ac" * 2000}] * 1000
    answer = await send(client, ada, long)
    assert answer.status_code == 201
    assert len(answer.content) > 6 * 1024 * 1024
    for path, most in (("/v1/items/batch", 8), ("/v1/items", 1)):
        body = b'[{"title":"' + b"x" * (most * 1024 * 1024)
        sent = await client.post(path, content=body, headers=ada | {"content-type": "application/json"})
        refused(sent, 413, "body_too_large")


async def test_a_batch_that_the_database_refuses_leaves_nothing(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    await superuser.execute("ALTER TABLE items ADD CONSTRAINT no_batch CHECK (title <> 'No batch') NOT VALID")
    try:
        refused(await send(client, ada, [{"title": "x"}, {"title": "No batch"}]), 422, "validation_failed")
    finally:
        await superuser.execute("ALTER TABLE items DROP CONSTRAINT no_batch")
    assert await count(superuser, ada) == 0


async def test_a_batch_that_is_sent_again_is_counted_again_and_not_kept_again(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    keyed = ada | {"idempotency-key": "k1"}
    first = await send(client, keyed, MANY[:3])
    assert (first.status_code, len(first.json()["items"])) == (201, 3)
    again = await send(client, keyed, MANY[:3])
    assert (again.status_code, again.json()) == (201, {"created": 3})
    assert again.headers["idempotent-replayed"] == "true"
    refused(await send(client, keyed, MANY[:4]), 422, "idempotency_key_reused")
    assert await count(superuser, ada) == 3
    # Under the same key another route is another request.
    assert (await client.post("/v1/items", json=MANY[0], headers=keyed)).status_code == 201


async def test_of_many_batches_with_one_key_one_is_kept(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    keyed = ada | {"idempotency-key": "k1"}
    answers = await asyncio.gather(*(send(client, keyed, MANY[:10]) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert await count(superuser, ada) == 10


async def test_a_refused_batch_frees_its_key(client: httpx.AsyncClient, ada: Person) -> None:
    keyed = ada | {"idempotency-key": "k1"}
    bad_fields(await send(client, keyed, [{"title": ""}]))
    assert "idempotent-replayed" not in (await send(client, keyed, MANY[:1])).headers
