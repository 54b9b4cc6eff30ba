"""Idempotency-Key: what is sent twice is done once, and answered twice; nobody waits for anybody."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from backend.settings import Settings
from tests.api.acts import add_item
from tests.api.shapes import bad_fields, refused
from tests.conftest import client_of, running
from tests.database import Connection, rows, until
from tests.people import Person

ITEM = {"title": "A lens", "description": "Polished"}


def keyed(person: Person, key: str = "k1", **more: str) -> dict[str, str]:
    return person | {"idempotency-key": key} | more


async def count(client: httpx.AsyncClient, person: Person) -> int:
    return len((await client.get("/v1/items?limit=100", headers=person)).json()["items"])


async def add(client: httpx.AsyncClient, headers: Any, **changes: object) -> httpx.Response:
    return await client.post("/v1/items", json=ITEM | changes, headers=headers)


async def test_the_same_request_again_gets_the_first_answer_and_writes_nothing(
    client: httpx.AsyncClient, ada: Person
) -> None:
    first = await add(client, keyed(ada))
    assert first.status_code == 201
    assert "idempotent-replayed" not in first.headers
    for _ in range(2):
        again = await add(client, keyed(ada))
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["idempotent-replayed"] == "true"
        for name in ("location", "etag", "cache-control", "content-type"):
            assert again.headers[name] == first.headers[name]
    assert await count(client, ada) == 1


async def test_the_answer_is_the_first_whatever_has_become_of_the_item(client: httpx.AsyncClient, ada: Person) -> None:
    first = await add(client, keyed(ada))
    path = first.headers["location"]
    await client.patch(path, json={"title": "New"}, headers=ada)
    assert (await add(client, keyed(ada))).json() == first.json()
    await client.delete(path, headers=ada)
    again = await add(client, keyed(ada))
    assert (again.status_code, again.json()) == (201, first.json())
    assert await count(client, ada) == 0


async def test_another_body_under_the_same_key_is_refused_and_not_written(
    client: httpx.AsyncClient, ada: Person
) -> None:
    await add(client, keyed(ada))
    refused(await add(client, keyed(ada), title="Another"), 422, "idempotency_key_reused")
    assert await count(client, ada) == 1
    assert (await add(client, keyed(ada))).headers["idempotent-replayed"] == "true"


async def test_a_key_belongs_to_one_person(client: httpx.AsyncClient, ada: Person, bob: Person) -> None:
    mine, his = await add(client, keyed(ada)), await add(client, keyed(bob), title="His")
    assert (mine.status_code, his.status_code) == (201, 201)
    assert "idempotent-replayed" not in his.headers
    assert (await add(client, keyed(bob), title="His")).json() == his.json()


async def test_without_a_key_nothing_is_kept_and_everything_written(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    await add_item(client, ada)
    await add_item(client, ada)
    assert await count(client, ada) == 2
    assert await rows(superuser, "SELECT FROM idempotency_keys WHERE user_id = %s", ada.id) == []


async def test_a_refusal_is_not_kept(client: httpx.AsyncClient, ada: Person, superuser: Connection) -> None:
    assert list(bad_fields(await add(client, keyed(ada), title=""))) == ["/title"]
    await superuser.execute("ALTER TABLE items ADD CONSTRAINT no_lens CHECK (title <> 'No lens') NOT VALID")
    try:
        refused(await add(client, keyed(ada), title="No lens"), 422, "validation_failed")
    finally:
        await superuser.execute("ALTER TABLE items DROP CONSTRAINT no_lens")
    assert await rows(superuser, "SELECT FROM idempotency_keys WHERE user_id = %s", ada.id) == []
    assert (await add(client, keyed(ada))).status_code == 201


@pytest.mark.checklist(55)
@pytest.mark.parametrize("key", ["", "k" * 256, "k" * 5000])
async def test_a_key_that_is_none_is_named(client: httpx.AsyncClient, ada: Person, key: str) -> None:
    assert bad_fields(await add(client, keyed(ada, key))) == {"Idempotency-Key": "out_of_range"}
    assert await count(client, ada) == 0


@pytest.mark.parametrize("key", ["k", "k" * 255, '"a-b_c"', "O'Brien; DROP TABLE items --", "\\", "%(key)s", "\xfc"])
async def test_a_key_is_any_text_of_up_to_255_characters(client: httpx.AsyncClient, ada: Person, key: str) -> None:
    headers = [*ada.items(), ("idempotency-key", key.encode("latin-1"))]
    first, again = await add(client, headers), await add(client, headers)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"


async def test_of_fifty_at_once_one_writes_and_nobody_waits(
    settings_with: Callable[..., Settings], ada: Person, superuser: Connection
) -> None:
    """While one holds the key all others are answered at once, on the one other connection that there is."""
    settings = settings_with(POOL_MIN_SIZE="2", POOL_MAX_SIZE="2")
    async with running(settings) as app, client_of(app, settings) as client:
        async with superuser.transaction():
            await superuser.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [ada.id])
            writer = asyncio.create_task(add(client, keyed(ada)))
            await until(lambda: waits_for_a_lock(superuser))
            others = await asyncio.gather(*(add(client, keyed(ada)) for _ in range(49)))
        first = await writer
        assert first.status_code == 201
        for answer in others:
            refused(answer, 409, "idempotency_key_in_use")
        assert (await add(client, keyed(ada))).json() == first.json()
        assert await count(client, ada) == 1


async def waits_for_a_lock(superuser: Connection) -> bool:
    """Somebody in this database; other tests have others in the same server."""
    waiting = """
        SELECT FROM pg_locks waiting
        JOIN   pg_locks held USING (pid)
        JOIN   pg_database d ON d.oid = held.database AND d.datname = current_database()
        WHERE  NOT waiting.granted AND waiting.locktype = 'transactionid'
    """
    return await rows(superuser, waiting) != []


@pytest.mark.parametrize(("path", "body"), [("/v1/items", ITEM), ("/v1/items/batch", [ITEM, ITEM])])
async def test_a_key_that_is_in_use_is_told_at_once_wherever_it_is_sent(
    client: httpx.AsyncClient, ada: Person, superuser: Connection, path: str, body: object
) -> None:
    async with superuser.transaction():
        await superuser.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [ada.id])
        writer = asyncio.create_task(client.post(path, json=body, headers=keyed(ada)))
        await until(lambda: waits_for_a_lock(superuser))
        refused(await client.post(path, json=body, headers=keyed(ada)), 409, "idempotency_key_in_use")
    assert (await writer).status_code == 201


async def test_of_fifty_at_once_each_gets_the_one_answer_or_is_told_to_come_again(
    client: httpx.AsyncClient, ada: Person
) -> None:
    answers = await asyncio.gather(*(add(client, keyed(ada)) for _ in range(50)))
    done = [answer.json() for answer in answers if answer.status_code == 201]
    assert done
    assert all(one == done[0] for one in done)
    for answer in answers:
        if answer.status_code != 201:
            refused(answer, 409, "idempotency_key_in_use")
    assert await count(client, ada) == 1


async def test_a_key_is_free_again_when_its_time_is_over(
    settings_with: Callable[..., Settings], ada: Person, superuser: Connection
) -> None:
    settings = settings_with(IDEMPOTENCY_SECONDS="100")
    async with running(settings) as app, client_of(app, settings) as client:
        first = await add(client, keyed(ada))
        left = "SELECT extract(epoch FROM expires_at - created_at)::int FROM idempotency_keys WHERE user_id = %s"
        assert await rows(superuser, left, ada.id) == [(100,)]
        await superuser.execute("UPDATE idempotency_keys SET expires_at = now() WHERE user_id = %s", [ada.id])
        again = await add(client, keyed(ada), title="Another")
        assert (again.status_code, "idempotent-replayed" in again.headers) == (201, False)
        assert again.json()["id"] != first.json()["id"]


async def test_whoever_keeps_a_key_sweeps_a_few_that_are_over_of_anybody(
    client: httpx.AsyncClient, ada: Person, bob: Person, superuser: Connection
) -> None:
    old = """
        INSERT INTO idempotency_keys (user_id, route, key, digest, answer, expires_at)
        SELECT %s, 'POST /v1/items', 'old ' || n, '', '{}', now() - interval '2 days' FROM generate_series(1, 12) AS n
    """
    await superuser.execute(old, [bob.id])
    await add(client, keyed(bob, "new"))
    left = []
    for number in range(3):
        await add(client, keyed(ada, f"k{number}"))
        left.append(len(await rows(superuser, "SELECT FROM idempotency_keys WHERE user_id = %s", bob.id)))
    assert left[-1] == 1
    assert len(await rows(superuser, "SELECT FROM idempotency_keys WHERE user_id = %s", ada.id)) == 3


async def test_keys_go_with_their_account(client: httpx.AsyncClient, ada: Person, superuser: Connection) -> None:
    await add(client, keyed(ada))
    await superuser.execute("DELETE FROM users WHERE id = %s", [ada.id])
    assert await rows(superuser, "SELECT FROM idempotency_keys WHERE user_id = %s", ada.id) == []
