"""A body in MessagePack is read like one in JSON: whole, or refused with every field that is not as it should be."""

from typing import Any

import httpx
import msgspec
import pytest

from tests.api.acts import add_item
from tests.api.shapes import bad_fields, refused
from tests.people import PASSWORD, Person, new_email

MSGPACK = "application/vnd.msgpack"
pack = msgspec.msgpack.encode


async def post(client: httpx.AsyncClient, person: Person, content: bytes) -> httpx.Response:
    return await client.post("/v1/items", content=content, headers=person | {"content-type": MSGPACK})


def text(value: str) -> bytes:
    return pack(value)


def array(size: int) -> bytes:
    """The beginning of one."""
    return b"\xdd" + size.to_bytes(4)


TITLE = b"\x81" + text("title")  # And its value.


@pytest.mark.parametrize("content_type", [MSGPACK, "Application/VND.msgpack; x=y"])
async def test_an_item_is_kept_as_one_in_json_is(client: httpx.AsyncClient, ada: Person, content_type: str) -> None:
    fields = {"title": "Grüße \N{GRINNING FACE}", "description": None}
    answer = await client.post("/v1/items", content=pack(fields), headers=ada | {"content-type": content_type})
    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in fields} == fields
    assert (await client.get(answer.headers["location"], headers=ada)).json() == answer.json()


@pytest.mark.checklist(51, 61)
@pytest.mark.parametrize(
    "content",
    {
        "nothing": b"",
        "cut off": pack({"title": "A lens"})[:-1],
        "cut off behind a bad field": b"\x82" + text("title") + b"\x07" + text("description"),
        "cut off behind an unknown field": b"\x82" + text("x") + b"\x07" + text("title"),
        "more after it": pack({"title": "A lens"}) + b"\x80",
        "a byte after it": pack({"title": "A lens"}) + b"\x00",
        "JSON": b'{"title":"A lens"}',
        "a code that means nothing": b"\xc1",
        "a code that means nothing in a field": TITLE + b"\xc1",
        "invalid UTF-8": TITLE + b"\xa2\xff\xfe",
        "overlong UTF-8": TITLE + b"\xa2\xc0\xaf",
        "a surrogate in UTF-8": TITLE + b"\xa3\xed\xa0\x80",
        "invalid UTF-8 in a name": b"\x82" + text("title") + text("x") + b"\xa1\xff\x01",
        "a text longer than the body": TITLE + b"\xdb\xff\xff\xff\xff",
        "a map larger than the body": b"\xdf\xff\xff\xff\xff" + text("title") + text("x"),
        "an array larger than the body": array(2**32 - 1),
        "an array larger than the body in a field": TITLE + array(2**32 - 1),
        "an array larger than the body for a name": b"\x81" + array(2**32 - 1),
        "an extension longer than the body": TITLE + b"\xc9\xff\xff\xff\xff\x05",
        "200,000 nestings": b"\x91" * 200_000,
        "200,000 closed nestings": b"\x91" * 200_000 + b"\x01",
        "200,000 nestings in a field": TITLE + b"\x91" * 200_000 + b"\x01",
        "200,000 nestings in an unknown field": b"\x81" + text("x") + b"\x91" * 200_000 + b"\x01",
        "200,000 nestings for a name": b"\x81" + b"\x91" * 200_000 + b"\x01\x01",
        "200,000 maps for names": b"\x81" * 200_000,
    }.items(),
    ids=lambda case: case[0],
)
async def test_what_is_no_messagepack_is_malformed(
    client: httpx.AsyncClient, someone: Person, content: tuple[str, bytes]
) -> None:
    refused(await post(client, someone, content[1]), 400, "malformed_msgpack")


@pytest.mark.parametrize("value", [[], [{"title": "x"}], 7, "title", None, True, 1.5, b"title"])
async def test_what_is_no_map_is_refused_as_a_whole(client: httpx.AsyncClient, someone: Person, value: Any) -> None:
    assert bad_fields(await post(client, someone, pack(value))) == {"": "invalid"}


@pytest.mark.checklist(51)
@pytest.mark.parametrize(
    "key",
    {
        "a number": b"\x07",
        "a fraction": pack(1.5),
        "NaN": pack(float("nan")),
        "nothing": b"\xc0",
        "bytes": pack(b"title"),
        "an array": pack(["title"]),
        "an array that cannot be hashed": pack([[]]),
        "a long array that cannot be hashed": pack([[]] * 17),
        "a map": pack({"title": 1}),
        "a time": b"\xd6\xff\0\0\0\0",
        "an extension": b"\xd4\x05\x01",
        "a nested array": b"\x91" * 500 + b"\x01",
    }.items(),
    ids=lambda case: case[0],
)
async def test_a_name_that_is_no_text_is_refused_wherever_it_is(
    client: httpx.AsyncClient, someone: Person, key: tuple[str, bytes]
) -> None:
    strange = b"\x81" + key[1] + b"\x01"
    assert bad_fields(await post(client, someone, strange)) == {"": "invalid"}
    both = b"\x82" + text("title") + text("x") + key[1] + b"\x01"
    assert bad_fields(await post(client, someone, both)) == {"": "invalid"}
    assert bad_fields(await post(client, someone, TITLE + strange)) == {"/title": "invalid"}
    unknown = b"\x82" + text("title") + text("x") + text("y") + strange
    assert bad_fields(await post(client, someone, unknown)) == {"/y": "unknown_field"}


@pytest.mark.checklist(62, 63)
async def test_every_bad_field_is_named_as_it_is_in_json(client: httpx.AsyncClient, someone: Person) -> None:
    for fields in (
        {"description": 7, "colour": "red", "size": None},
        {"title": "x" * 201, "description": ["x"], "a/b~c": 1, "": 2},
        {"title": None, "description": {"x": {}}},
        {"title": "", "description": "x" * 2001},
        {"title": "A\0lens", "description": "\0"},
        {"title": True, "description": -1.5},
        {},
    ):
        packed = await post(client, someone, pack(fields))
        in_json = await client.post("/v1/items", json=fields, headers=someone)
        assert bad_fields(packed) == bad_fields(in_json) != {}


async def test_passwords_are_judged_as_they_are_in_json(client: httpx.AsyncClient) -> None:
    email = new_email("a-rather-long-name-here")
    for fields in (
        {"email": email, "password": "short"},
        {"email": email, "password": email},
        {"email": email, "password": "augustaaugustaaugusta", "full_name": "Augusta", "rank": 1},
        {"email": email, "password": email.upper(), "full_name": 7},
        {"email": "nonsense", "password": "password1234567"},
        {"email": email, "password": "short", "full_name": 7, "rank": 1},
        {"email": 7, "password": "short"},
    ):
        packed = await client.post("/v1/users", content=pack(fields), headers={"content-type": MSGPACK})
        in_json = await client.post("/v1/users", json=fields)
        assert (packed.status_code, in_json.status_code) == (422, 422)
        assert packed.json()["errors"] == in_json.json()["errors"]


@pytest.mark.parametrize(
    "value",
    {
        "bytes": pack(b"A lens"),
        "bytes of a great length": pack(b"x" * 70_000),
        "NaN": pack(float("nan")),
        "infinity": b"\xcb\x7f\xf0" + bytes(6),
        "a large number": pack(2**64 - 1),
        "a time": b"\xd6\xff\0\0\0\0",
        "a time that there is not": b"\xc7\x0c\xff" + b"\xff" * 12,
        "a time of another length": b"\xd4\xff\x01",
        "an extension": b"\xd4\x05\x01",
        "an extension without content": b"\xc7\x00\x05",
        "many lists": pack([[]] * 70_000),
    }.items(),
    ids=lambda case: case[0],
)
async def test_what_json_does_not_have_is_no_text_either(
    client: httpx.AsyncClient, someone: Person, value: tuple[str, bytes]
) -> None:
    assert bad_fields(await post(client, someone, TITLE + value[1])) == {"/title": "invalid"}
    unknown = b"\x82" + text("title") + text("x") + text("y") + value[1]
    assert bad_fields(await post(client, someone, unknown)) == {"/y": "unknown_field"}


@pytest.mark.checklist(51)
async def test_of_a_field_that_is_given_twice_the_last_counts(client: httpx.AsyncClient, ada: Person) -> None:
    for first in (text("First"), b"\x07", b"\xc0", text("\0"), text(""), pack([[]])):
        answer = await post(client, ada, b"\x82" + text("title") + first + text("title") + text("Last"))
        assert (answer.status_code, answer.json()["title"]) == (201, "Last")
    twice = b"\x82" + text("title") + text("First") + text("title") + b"\x07"
    assert bad_fields(await post(client, ada, twice)) == {"/title": "invalid"}


@pytest.mark.checklist(51)
async def test_it_counts_in_each_of_a_batch_as_it_does_in_json(client: httpx.AsyncClient, ada: Person) -> None:
    good = b"\x82" + text("title") + b"\x07" + text("title") + text("Last")
    bad = b"\x82" + text("title") + text("First") + text("title") + b"\x07"
    in_json = b'[{"title":7,"title":"Last"},{"title":"Last"}]'
    for body, media_type in ((b"\x92" + good + good, MSGPACK), (in_json, "application/json")):
        answer = await client.post("/v1/items/batch", content=body, headers=ada | {"content-type": media_type})
        assert [item["title"] for item in answer.json()["items"]] == ["Last", "Last"]
    answer = await client.post("/v1/items/batch", content=b"\x92" + good + bad, headers=ada | {"content-type": MSGPACK})
    assert bad_fields(answer) == {"/1/title": "invalid"}


async def test_a_patch_has_the_meaning_of_a_merge_patch(client: httpx.AsyncClient, ada: Person) -> None:
    item = await add_item(client, ada, description="Old")
    path, packed = f"/v1/items/{item['id']}", ada | {"content-type": MSGPACK}
    answer = await client.patch(path, content=pack({}), headers=packed)
    assert (answer.status_code, answer.json()) == (200, item)
    answer = await client.patch(path, content=pack({"title": "New"}), headers=packed)
    assert (answer.json()["title"], answer.json()["description"]) == ("New", "Old")
    answer = await client.patch(path, content=pack({"description": None}), headers=packed)
    assert (answer.json()["title"], answer.json()["description"]) == ("New", None)
    assert bad_fields(await client.patch(path, content=pack({"title": None}), headers=packed)) == {"/title": "invalid"}


async def test_bad_fields_and_bad_parameters_are_named_together(client: httpx.AsyncClient) -> None:
    body = pack({"email": new_email(), "password": PASSWORD, "rank": 1})
    answer = await client.post("/v1/users?x=1", content=body, headers={"content-type": MSGPACK})
    assert bad_fields(answer) == {"x": "unknown_parameter", "/rank": "unknown_field"}
    answer = await client.post("/v1/users?x=1", content=b"\xc1", headers={"content-type": MSGPACK})
    refused(answer, 400, "malformed_msgpack")
