"""Other people's accounts, for administrators: in a database of its own, where it is known who they are."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote
from uuid import UUID

import httpx
import psycopg
import pytest
from litestar import Litestar

from backend.contracts.pages import encode_cursor
from backend.database.embedded import Embedded
from backend.settings import Settings
from tests.api.conftest import cloned
from tests.api.shapes import SESSION, USER, bad_fields, refused
from tests.conftest import client_of, running, settings_for
from tests.database import Connection, introduce
from tests.people import PASSWORD, Person, log_in
from tests.routes import NOBODY


@pytest.fixture(scope="module")
async def app(postgres: Embedded, worker_id: str) -> AsyncIterator[Litestar]:
    """As everywhere, but nobody else makes administrators here."""
    with cloned(postgres, f"tests_{worker_id}_admins") as name:
        async with running(settings_for(postgres, name)) as started:
            started.state.database = name
            yield started


@pytest.fixture
async def client(app: Litestar, postgres: Embedded) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, settings_for(postgres, app.state.database)) as opened:
        yield opened


@pytest.fixture
async def superuser(app: Litestar, postgres: Embedded) -> AsyncIterator[Connection]:
    url = postgres.superuser_url.rsplit("/", 1)[0] + f"/{app.state.database}"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
async def nobody_left(superuser: Connection) -> AsyncIterator[None]:
    """Whoever a test has made an administrator is none in the next."""
    yield
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")  # No trigger keeps the last one.
        await superuser.execute("UPDATE users SET is_admin = false")


@pytest.fixture
async def admin(superuser: Connection, app: Litestar, settings: Settings) -> Person:
    return await introduce(superuser, app, settings, "admin", admin=True)


@pytest.fixture
async def other_admin(superuser: Connection, app: Litestar, settings: Settings) -> Person:
    return await introduce(superuser, app, settings, "other-admin", admin=True)


async def account(client: httpx.AsyncClient, admin: Person, person: Person) -> dict[str, object]:
    answer = await client.get(f"/v1/users/{person.id}", headers=admin)
    assert answer.status_code == 200, answer.text
    user: dict[str, object] = answer.json()
    return user


async def edit(client: httpx.AsyncClient, admin: Person, person: Person, **changes: object) -> httpx.Response:
    return await client.patch(f"/v1/users/{person.id}", json=changes, headers=admin)


async def leave(client: httpx.AsyncClient, person: Person) -> httpx.Response:
    return await client.post("/v1/users/me/deletion", json={"password": PASSWORD}, headers=person)


# Who may.

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
    refused(await edit(client, bob, bob, full_name="B."), 403, "not_admin")


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


# Accounts.


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
    before = await account(client, admin, ada)
    unchanged = await edit(client, admin, ada)
    assert (unchanged.status_code, unchanged.json()) == (200, before)
    changed = (await edit(client, admin, ada, full_name="A. King")).json()
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
            answer = await edit(client, admin, ada, **{right: value})
            assert (answer.status_code, answer.json()[right]) == (200, value)
    refusal = await edit(client, admin, ada, is_admin=None, is_active=None, full_name="Kept out")
    assert bad_fields(refusal) == {"/is_admin": "invalid", "/is_active": "invalid"}
    refusal = await edit(client, admin, ada, is_admin=1, is_active="true")
    assert bad_fields(refusal) == {"/is_admin": "invalid", "/is_active": "invalid"}
    assert (await account(client, admin, ada))["full_name"] == "ada"


@pytest.mark.checklist(13)
@pytest.mark.parametrize("field", ["password", "password_hash", "email", "email_verified_at", "id"])
async def test_an_administrator_sets_no_password_and_no_address(
    client: httpx.AsyncClient, admin: Person, ada: Person, field: str
) -> None:
    answer = await edit(client, admin, ada, **{field: "x"})
    assert bad_fields(answer) == {f"/{field}": "unknown_field"}


@pytest.mark.checklist(29)
async def test_a_disabled_account_is_out_at_once_and_does_not_come_back_by_old_tokens(
    client: httpx.AsyncClient, admin: Person, ada: Person
) -> None:
    assert (await client.get("/v1/users/me", headers=ada)).status_code == 200
    assert (await edit(client, admin, ada, is_active=False)).status_code == 200
    credentials = {"email": ada.email, "password": PASSWORD}
    for _ in range(2):
        refused(await client.get("/v1/users/me", headers=ada), 401, "invalid_token")
        refreshed = await client.post("/v1/login/refresh", json={"refresh_token": ada.tokens["refresh_token"]})
        refused(refreshed, 401, "invalid_refresh_token")
        refused(await client.post("/v1/login", json=credentials), 401, "invalid_credentials")
        again = await client.post("/v1/users", json=credentials)
        refused(again, 409, "email_taken")
    assert (await edit(client, admin, ada, is_active=True)).status_code == 200
    refused(await client.get("/v1/users/me", headers=ada), 401, "invalid_token")
    assert (await client.post("/v1/login", json=credentials)).status_code == 200


@pytest.mark.checklist(29)
async def test_a_deleted_account_is_gone_with_what_was_in_it(
    client: httpx.AsyncClient, superuser: Connection, admin: Person, ada: Person
) -> None:
    await client.post("/v1/items", json={"title": "A lens"}, headers=ada)
    deleted = await client.delete(f"/v1/users/{ada.id}", headers=admin)
    assert (deleted.status_code, deleted.content) == (204, b"")
    refused(await client.get("/v1/users/me", headers=ada), 401, "invalid_token")
    refused(await client.get(f"/v1/users/{ada.id}", headers=admin), 404, "not_found")
    refused(await client.delete(f"/v1/users/{ada.id}", headers=admin), 404, "not_found")
    assert (await superuser.execute("SELECT FROM items WHERE owner_id = %s", (ada.id,))).rowcount == 0


# The list.


async def test_accounts_are_listed_newest_first_in_pages(
    client: httpx.AsyncClient, superuser: Connection, admin: Person
) -> None:
    people = [await new_account(superuser) for _ in range(5)]
    first = await client.get("/v1/users?limit=3", headers=admin)
    assert [list(user) for user in first.json()["items"]] == [USER] * 3
    assert [user["id"] for user in first.json()["items"]] == people[:1:-1]
    assert list(first.json()) == ["items", "next_cursor"]
    assert first.headers["link"] == f'</v1/users?limit=3&cursor={first.json()["next_cursor"]}>; rel="next"'
    second = await client.get(first.links["next"]["url"], headers=admin)
    assert [user["id"] for user in second.json()["items"]] == [*people[1::-1], admin.id]


async def new_account(superuser: Connection) -> str:
    """An account without a password, which costs no hash."""
    added = await superuser.execute(
        "INSERT INTO users (email) VALUES (gen_random_uuid() || '@example.com') RETURNING id"
    )
    row = await added.fetchone()
    assert row
    return str(row[0])


async def test_a_walk_sees_each_account_that_stays_exactly_once(
    client: httpx.AsyncClient, superuser: Connection, admin: Person
) -> None:
    staying = [await new_account(superuser) for _ in range(30)]
    path: str | None = "/v1/users?limit=7"
    seen: list[str] = []
    while path:
        page = await client.get(path, headers=admin)
        seen += [user["id"] for user in page.json()["items"]]
        path = page.links["next"]["url"] if "next" in page.links else None
        # Between pages: one comes, and one that was seen and stands where the cursor points goes.
        await new_account(superuser)
        if seen[-1] in staying:
            await superuser.execute("DELETE FROM users WHERE id = %s", (seen[-1],))
    assert [user_id for user_id in seen if user_id in staying] == staying[::-1]
    assert len(seen) == len(set(seen))


async def test_an_account_is_found_by_its_exact_address(client: httpx.AsyncClient, admin: Person, ada: Person) -> None:
    async def found(email: str) -> object:
        answer = await client.get("/v1/users", params={"email": email}, headers=admin)
        assert (answer.status_code, answer.json()["next_cursor"]) == (200, None)
        assert "link" not in answer.headers
        return [user["id"] for user in answer.json()["items"]]

    assert await found(ada.email) == await found(ada.email.upper()) == [ada.id]
    for other in (ada.email[1:], ada.email[:-1], "%", f"{ada.email} ", "", "\N{SNOWMAN}", "x' OR 'x' = 'x"):
        assert await found(other) == []


async def test_a_list_names_every_parameter_that_is_not_as_it_should_be(
    client: httpx.AsyncClient, admin: Person
) -> None:
    answer = await client.get("/v1/users", params={"limit": "0", "email": "x" * 255}, headers=admin)
    assert list(bad_fields(answer)) == ["limit", "email"]
    assert list(bad_fields(await client.get("/v1/users?email=a%00b", headers=admin))) == ["email"]
    answer = await client.get("/v1/users?limit=101&email=a&email=b&sort=id", headers=admin)
    assert bad_fields(answer).keys() == {"sort", "email", "limit"}


@pytest.mark.checklist(56)
async def test_a_cursor_of_another_list_or_filter_is_refused(client: httpx.AsyncClient, admin: Person) -> None:
    of_users = encode_cursor(UUID(int=2**127), "/v1/users?")
    of_items = encode_cursor(UUID(int=2**127), "/v1/items?")
    of_email = encode_cursor(UUID(int=2**127), f"/v1/users?email={quote('a@example.com')}")
    assert (await client.get("/v1/users", params={"cursor": of_users}, headers=admin)).status_code == 200
    for parameters in (
        {"cursor": of_items},
        {"cursor": of_email},
        {"cursor": "junk"},
        {"cursor": of_users, "email": "a@example.com"},
        {"cursor": of_email, "email": "b@example.com"},
    ):
        answer = await client.get("/v1/users", params=parameters, headers=admin)
        refused(answer, 400, "invalid_cursor")


# Other people's sessions.


async def test_an_administrator_sees_and_ends_somebodys_sessions(
    client: httpx.AsyncClient, admin: Person, ada: Person, bob: Person
) -> None:
    other = await log_in(client, {"id": ada.id, "email": ada.email})
    path = f"/v1/users/{ada.id}/sessions"
    sessions = (await client.get(path, headers=admin)).json()
    assert [list(session) for session in sessions] == [SESSION] * 2
    mine = (await client.get("/v1/sessions", headers=ada)).json()
    assert sessions == [session | {"is_current": False} for session in mine]
    ended = await client.delete(path, headers=admin)
    assert (ended.status_code, ended.content) == (204, b"")
    for person in (ada, other):
        refused(await client.get("/v1/users/me", headers=person), 401, "invalid_token")
    assert (await client.get(path, headers=admin)).json() == []
    assert (await client.delete(path, headers=admin)).status_code == 204
    for person in (bob, admin):
        assert (await client.get("/v1/users/me", headers=person)).status_code == 200


async def test_an_administrators_own_session_is_marked(client: httpx.AsyncClient, admin: Person) -> None:
    (session,) = (await client.get(f"/v1/users/{admin.id}/sessions", headers=admin)).json()
    assert session["is_current"] is True


# Somebody has to be left.


@pytest.mark.parametrize("change", [{"is_admin": False}, {"is_active": False}, {"is_admin": False, "is_active": False}])
async def test_the_last_administrator_can_neither_be_demoted_nor_disabled(
    client: httpx.AsyncClient, admin: Person, change: dict[str, bool]
) -> None:
    before = await account(client, admin, admin)
    refused(await edit(client, admin, admin, full_name="Me", **change), 409, "last_admin")
    assert await account(client, admin, admin) == before


async def test_the_last_administrator_cannot_be_deleted(client: httpx.AsyncClient, admin: Person) -> None:
    refused(await client.delete(f"/v1/users/{admin.id}", headers=admin), 409, "last_admin")
    refused(await leave(client, admin), 409, "last_admin")
    assert (await client.get("/v1/users/me", headers=admin)).json()["is_admin"] is True


async def test_an_administrator_who_is_disabled_does_not_count(
    client: httpx.AsyncClient, admin: Person, other_admin: Person
) -> None:
    assert (await edit(client, admin, other_admin, is_active=False)).status_code == 200
    refused(await edit(client, admin, admin, is_admin=False), 409, "last_admin")
    assert (await client.delete(f"/v1/users/{other_admin.id}", headers=admin)).status_code == 204


async def test_the_last_but_one_may_leave(client: httpx.AsyncClient, admin: Person, other_admin: Person) -> None:
    assert (await leave(client, admin)).status_code == 204
    refused(await edit(client, other_admin, other_admin, is_active=False), 409, "last_admin")


@pytest.mark.parametrize("way", ["demote oneself", "demote each other", "delete each other", "leave"])
async def test_of_two_administrators_who_leave_at_once_one_stays(
    client: httpx.AsyncClient, superuser: Connection, admin: Person, other_admin: Person, way: str
) -> None:
    pairs = [(admin, other_admin), (other_admin, admin)]
    leaving = [
        {
            "demote oneself": lambda one=one: edit(client, one, one, is_admin=False),
            "demote each other": lambda one=one, other=other: edit(client, one, other, is_admin=False),
            "delete each other": lambda one=one, other=other: client.delete(f"/v1/users/{other.id}", headers=one),
            "leave": lambda one=one: leave(client, one),
        }[way]()
        for one, other in pairs
    ]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*leaving))
    assert statuses[0] in (200, 204)
    assert statuses[1] in (401, 403, 409)
    assert (await superuser.execute("SELECT FROM users WHERE is_admin AND is_active")).rowcount == 1
