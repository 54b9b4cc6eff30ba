"""Other people's accounts and sessions, for administrators and for nobody else."""

import httpx
import pytest

from tests.api.acts import add_item, edit_user, lives, log_in, log_in_again, read_user, sign_up
from tests.api.shapes import SESSION, USER, bad_fields, refused
from tests.database import Connection
from tests.people import Person
from tests.routes import NOBODY

ROUTES = [
    ("GET", "/v1/users"),
    ("HEAD", "/v1/users"),
    ("GET", f"/v1/users/{NOBODY}"),
    ("PATCH", f"/v1/users/{NOBODY}"),
    ("DELETE", f"/v1/users/{NOBODY}"),
    ("GET", f"/v1/users/{NOBODY}/sessions"),
    ("DELETE", f"/v1/users/{NOBODY}/sessions"),
]


@pytest.mark.checklist(46)
@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_only_administrators_may(client: httpx.AsyncClient, bob: Person, method: str, path: str) -> None:
    answer = await client.request(method, path, headers=bob, json={} if method == "PATCH" else None)
    assert answer.status_code == 403
    if method != "HEAD":
        refused(answer, 403, "not_admin")


async def test_one_may_not_even_ask_for_oneself(client: httpx.AsyncClient, bob: Person) -> None:
    refused(await client.get(f"/v1/users/{bob.id}", headers=bob), 403, "not_admin")
    refused(await edit_user(client, bob, bob, full_name="B."), 403, "not_admin")


@pytest.mark.checklist(29)
@pytest.mark.usefixtures("other_admin")
@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_demotion_acts_on_the_next_request_whatever_the_token_says(
    client: httpx.AsyncClient, superuser: Connection, admin: Person, method: str, path: str
) -> None:
    await superuser.execute("UPDATE users SET is_admin = false WHERE id = %s", (admin.id,))
    answer = await client.request(method, path, headers=admin, json={} if method == "PATCH" else None)
    assert answer.status_code == 403


@pytest.mark.usefixtures("other_admin")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"/v1/users/{NOBODY}", {"is_admin": None, "rank": 1}),
        ("PATCH", f"/v1/users/{NOBODY}", None),
        ("GET", "/v1/users?limit=0", None),
        ("GET", "/v1/users?colour=red", None),
        ("GET", "/v1/users?cursor=junk", None),
    ],
)
async def test_whether_one_may_is_decided_before_what_was_sent_is_looked_at(
    client: httpx.AsyncClient, superuser: Connection, admin: Person, bob: Person, method: str, path: str, body: object
) -> None:
    await superuser.execute("UPDATE users SET is_admin = false WHERE id = %s", (admin.id,))
    for person in (bob, admin):
        content_type = {"content-type": "application/json"}
        answer = await client.request(method, path, json=body, headers=person | content_type)
        refused(answer, 403, "not_admin")


async def test_a_promotion_acts_on_the_next_request_too(
    client: httpx.AsyncClient, superuser: Connection, bob: Person
) -> None:
    await superuser.execute("UPDATE users SET is_admin = true WHERE id = %s", (bob.id,))
    assert (await client.get("/v1/users", headers=bob)).status_code == 200


async def test_an_administrator_reads_an_account_as_its_owner_does(
    client: httpx.AsyncClient, admin: Person, ada: Person
) -> None:
    answer = await client.get(f"/v1/users/{ada.id}", headers=admin)
    assert (answer.status_code, list(answer.json())) == (200, USER)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == (await client.get("/v1/users/me", headers=ada)).json()


@pytest.mark.parametrize(("method", "path"), ROUTES[2:])
async def test_an_account_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, admin: Person, method: str, path: str
) -> None:
    answer = await client.request(method, path, headers=admin, json={} if method == "PATCH" else None)
    refused(answer, 404, "not_found")


async def test_a_name_is_changed_left_and_cleared(client: httpx.AsyncClient, admin: Person, ada: Person) -> None:
    before = await read_user(client, admin, ada)
    unchanged = await edit_user(client, admin, ada)
    assert (unchanged.status_code, unchanged.json()) == (200, before)
    changed = (await edit_user(client, admin, ada, full_name="A. King")).json()
    assert changed | {"updated_at": ""} == before | {"full_name": "A. King", "updated_at": ""}
    assert changed["updated_at"] > before["updated_at"]
    merge_patch = admin | {"content-type": "application/merge-patch+json"}
    cleared = await client.patch(f"/v1/users/{ada.id}", content=b'{"full_name":null}', headers=merge_patch)
    assert (cleared.status_code, cleared.json()["full_name"]) == (200, None)


async def test_rights_are_given_and_taken_and_cannot_be_null(
    client: httpx.AsyncClient, admin: Person, ada: Person
) -> None:
    for right in ("is_admin", "is_active"):
        for value in (False, True, False):
            answer = await edit_user(client, admin, ada, **{right: value})
            assert (answer.status_code, answer.json()[right]) == (200, value)
    refusal = await edit_user(client, admin, ada, is_admin=None, is_active=None, full_name="Kept out")
    assert bad_fields(refusal) == {"/is_admin": "invalid", "/is_active": "invalid"}
    refusal = await edit_user(client, admin, ada, is_admin=1, is_active="true")
    assert bad_fields(refusal) == {"/is_admin": "invalid", "/is_active": "invalid"}
    assert (await read_user(client, admin, ada))["full_name"] == "ada"


@pytest.mark.checklist(13)
@pytest.mark.parametrize("field", ["password", "password_hash", "email", "email_verified_at", "id"])
async def test_an_administrator_sets_no_password_and_no_address(
    client: httpx.AsyncClient, admin: Person, ada: Person, field: str
) -> None:
    answer = await edit_user(client, admin, ada, **{field: "x"})
    assert bad_fields(answer) == {f"/{field}": "unknown_field"}


@pytest.mark.checklist(29)
async def test_a_disabled_account_is_out_at_once_and_does_not_come_back_by_old_tokens(
    client: httpx.AsyncClient, admin: Person, ada: Person
) -> None:
    assert await lives(client, ada)
    assert (await edit_user(client, admin, ada, is_active=False)).status_code == 200
    assert not await lives(client, ada)
    refused(await log_in(client, ada.email), 401, "invalid_credentials")
    refused(await sign_up(client, email=ada.email), 409, "email_taken")
    assert (await edit_user(client, admin, ada, is_active=True)).status_code == 200
    assert not await lives(client, ada)
    assert (await log_in(client, ada.email)).status_code == 200


@pytest.mark.checklist(29)
async def test_a_deleted_account_is_gone_with_what_was_in_it(
    client: httpx.AsyncClient, superuser: Connection, admin: Person, ada: Person
) -> None:
    await add_item(client, ada)
    deleted = await client.delete(f"/v1/users/{ada.id}", headers=admin)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert not await lives(client, ada)
    refused(await client.get(f"/v1/users/{ada.id}", headers=admin), 404, "not_found")
    refused(await client.delete(f"/v1/users/{ada.id}", headers=admin), 404, "not_found")
    assert (await superuser.execute("SELECT FROM items WHERE owner_id = %s", (ada.id,))).rowcount == 0


async def test_an_administrator_sees_and_ends_somebodys_sessions(
    client: httpx.AsyncClient, admin: Person, ada: Person, bob: Person
) -> None:
    other = await log_in_again(client, ada)
    path = f"/v1/users/{ada.id}/sessions"
    sessions = (await client.get(path, headers=admin)).json()
    assert [list(session) for session in sessions] == [SESSION] * 2
    mine = (await client.get("/v1/sessions", headers=ada)).json()
    assert sessions == [session | {"is_current": False} for session in mine]
    ended = await client.delete(path, headers=admin)
    assert (ended.status_code, ended.content) == (204, b"")
    assert [await lives(client, person) for person in (ada, other, bob, admin)] == [False, False, True, True]
    assert (await client.get(path, headers=admin)).json() == []
    assert (await client.delete(path, headers=admin)).status_code == 204


async def test_an_administrators_own_session_is_marked(client: httpx.AsyncClient, admin: Person) -> None:
    (session,) = (await client.get(f"/v1/users/{admin.id}/sessions", headers=admin)).json()
    assert session["is_current"] is True
