"""Conditional requests (RFC 9110, 13): the version of an item as its ETag, decided by the database itself."""

import asyncio

import httpx
import pytest

from tests.api.acts import add_item
from tests.api.shapes import refused
from tests.people import Person
from tests.routes import NOBODY

STALE = [
    *('"0"', '"2"', '"999999999999999999"', 'W/"1"', '""', '"one"', "1", "junk", ",", '"1', '"1-GZIP"', '"-1"'),
    f'"{10**19}"',  # No bigint.
]


async def path_of(client: httpx.AsyncClient, person: Person) -> str:
    return f"/v1/items/{(await add_item(client, person, description='Old'))['id']}"


async def tag(client: httpx.AsyncClient, person: Person, path: str) -> str:
    return (await client.get(path, headers=person)).headers["etag"]


async def test_an_item_has_the_same_tag_wherever_it_is_shown(client: httpx.AsyncClient, ada: Person) -> None:
    added = await client.post("/v1/items", json={"title": "A lens"}, headers=ada)
    path = added.headers["location"]
    assert added.headers["etag"] == await tag(client, ada, path) == '"1"'
    edited = await client.patch(path, json={"title": "A mirror"}, headers=ada)
    assert edited.headers["etag"] == await tag(client, ada, path) == '"2"'
    assert "etag" not in (await client.get("/v1/items", headers=ada)).headers


async def test_what_changes_nothing_is_no_new_version(client: httpx.AsyncClient, ada: Person) -> None:
    path = await path_of(client, ada)
    for change in ({}, {"description": "Old"}):
        assert (await client.patch(path, json=change, headers=ada)).headers["etag"] == '"1"'


@pytest.mark.parametrize("known", ['"1"', 'W/"1"', '"7", "1"', '"7" ,W/"1"', "*", '"1-gzip"'])
async def test_what_is_known_already_is_not_sent_again(client: httpx.AsyncClient, ada: Person, known: str) -> None:
    path = await path_of(client, ada)
    whole = await client.get(path, headers=ada)
    answer = await client.get(path, headers=ada | {"if-none-match": known})
    assert (answer.status_code, answer.content) == (304, b"")
    for name in ("cache-control", "vary"):
        assert answer.headers[name] == whole.headers[name]
    assert {"content-type", "content-length"}.isdisjoint(answer.headers)
    head = await client.head(path, headers=ada | {"if-none-match": known})
    assert (head.status_code, head.headers["etag"]) == (304, answer.headers["etag"])


@pytest.mark.parametrize("known", STALE[:3] + STALE[4:] + ['"1-msgpack"'])
async def test_what_is_known_in_another_state_is_sent(client: httpx.AsyncClient, ada: Person, known: str) -> None:
    path = await path_of(client, ada)
    assert (await client.get(path, headers=ada | {"if-none-match": known})).status_code == 200


async def test_what_has_changed_since_is_sent(client: httpx.AsyncClient, ada: Person) -> None:
    path = await path_of(client, ada)
    seen = await tag(client, ada, path)
    await client.patch(path, json={"title": "New"}, headers=ada)
    answer = await client.get(path, headers=ada | {"if-none-match": seen})
    assert (answer.status_code, answer.json()["title"]) == (200, "New")


@pytest.mark.parametrize("wanted", ['"1"', '"7", "1"', "*", '"1-msgpack"', '"1-gzip"', '"1-msgpack-br"', '\t"1" '])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_change_to_the_state_that_was_seen_is_made(
    client: httpx.AsyncClient, ada: Person, method: str, wanted: str
) -> None:
    path = await path_of(client, ada)
    body = {"title": "New"} if method == "PATCH" else None
    answer = await client.request(method, path, json=body, headers=ada | {"if-match": wanted})
    assert answer.status_code == (200 if method == "PATCH" else 204)


@pytest.mark.checklist(56)
@pytest.mark.parametrize("wanted", STALE)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_change_to_another_state_is_refused_and_not_made(
    client: httpx.AsyncClient, ada: Person, method: str, wanted: str
) -> None:
    path = await path_of(client, ada)
    before = await client.get(path, headers=ada)
    body = {"title": "New"} if method == "PATCH" else None
    answer = await client.request(method, path, json=body, headers=ada | {"if-match": wanted})
    refused(answer, 412, "precondition_failed")
    assert (await client.get(path, headers=ada)).json() == before.json()


async def test_two_headers_are_one_list(client: httpx.AsyncClient, ada: Person) -> None:
    path = await path_of(client, ada)
    headers = [*ada.items(), ("if-match", '"7"'), ("if-match", '"1"')]
    assert (await client.patch(path, json={"title": "New"}, headers=headers)).status_code == 200


@pytest.mark.parametrize("wanted", ['"1"', '"7"', "*", "junk"])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_what_is_missing_or_foreign_is_not_found_before_any_condition(
    client: httpx.AsyncClient, ada: Person, bob: Person, method: str, wanted: str
) -> None:
    foreign = await path_of(client, ada)
    for path in (foreign, f"/v1/items/{NOBODY}"):
        body = {"title": "Mine"} if method == "PATCH" else None
        answer = await client.request(method, path, json=body, headers=bob | {"if-match": wanted})
        refused(answer, 404, "not_found")


async def test_of_many_who_saw_the_same_state_one_changes_it(client: httpx.AsyncClient, ada: Person) -> None:
    path = await path_of(client, ada)
    changes = [
        client.patch(path, json={"title": f"Number {number}"}, headers=ada | {"if-match": '"1"'}) for number in range(8)
    ]
    statuses = [answer.status_code for answer in await asyncio.gather(*changes)]
    assert sorted(statuses) == [200] + 7 * [412]
    assert await tag(client, ada, path) == '"2"'


async def test_of_many_who_delete_and_change_the_same_state_one_succeeds(
    client: httpx.AsyncClient, ada: Person
) -> None:
    path = await path_of(client, ada)
    seen = ada | {"if-match": '"1"'}
    acts = [client.delete(path, headers=seen) for _ in range(3)]
    acts += [client.patch(path, json={"title": "New"}, headers=seen) for _ in range(3)]
    statuses = [answer.status_code for answer in await asyncio.gather(*acts)]
    assert len([status for status in statuses if status < 300]) == 1
    assert set(statuses) <= {200, 204, 404, 412}
