"""Accounts, as their owners see, change and end them."""

import httpx
import pytest

from tests.api.acts import add_item, leave, lives, log_in, log_in_again, sign_up
from tests.api.shapes import USER, bad_fields, refused
from tests.database import Connection
from tests.people import PASSWORD, Person


async def test_one_reads_ones_own_account(client: httpx.AsyncClient, ada: Person) -> None:
    answer = await client.get("/v1/users/me", headers=ada)
    assert (answer.status_code, list(answer.json())) == (200, USER)
    assert (answer.json()["id"], answer.json()["email"]) == (ada.id, ada.email)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_name_is_changed_left_and_cleared(client: httpx.AsyncClient, ada: Person) -> None:
    before = (await client.get("/v1/users/me", headers=ada)).json()
    unchanged = await client.patch("/v1/users/me", json={}, headers=ada)
    assert (unchanged.status_code, unchanged.json()) == (200, before)
    changed = (await client.patch("/v1/users/me", json={"full_name": "A. King"}, headers=ada)).json()
    assert changed | {"updated_at": ""} == before | {"full_name": "A. King", "updated_at": ""}
    assert changed["updated_at"] > before["updated_at"]
    merge_patch = {"content-type": "application/merge-patch+json"}
    cleared = await client.patch("/v1/users/me", content=b'{"full_name":null}', headers=ada | merge_patch)
    assert (cleared.status_code, cleared.json()["full_name"]) == (200, None)
    assert (await client.get("/v1/users/me", headers=ada)).json() == cleared.json()


@pytest.mark.checklist(50)
@pytest.mark.parametrize("field", ["email", "is_admin", "is_active", "password", "email_verified_at", "updated_at"])
async def test_nothing_but_the_name_can_be_changed(client: httpx.AsyncClient, someone: Person, field: str) -> None:
    answer = await client.patch("/v1/users/me", json={field: True}, headers=someone)
    assert bad_fields(answer) == {f"/{field}": "unknown_field"}


@pytest.mark.checklist(29)
async def test_a_deleted_account_takes_everything_with_it(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    other = await log_in_again(client, ada)
    await add_item(client, ada)
    deleted = await leave(client, ada)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [await lives(client, person) for person in (ada, other)] == [False, False]
    refused(await log_in(client, ada.email), 401, "invalid_credentials")
    left = "SELECT FROM users WHERE id = %(id)s UNION ALL SELECT FROM items WHERE owner_id = %(id)s"
    left += " UNION ALL SELECT FROM sessions WHERE user_id = %(id)s"
    assert (await superuser.execute(left, {"id": ada.id})).rowcount == 0
    assert (await sign_up(client, email=ada.email)).status_code == 201


@pytest.mark.checklist(11)
async def test_an_account_is_deleted_only_with_its_password(client: httpx.AsyncClient, ada: Person) -> None:
    for wrong in ("not the right one at all", "", PASSWORD.upper()):
        problem = refused(await leave(client, ada, wrong), 422, "wrong_password")
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/password", "wrong_password")]
    assert (await client.get("/v1/users/me", headers=ada)).status_code == 200
