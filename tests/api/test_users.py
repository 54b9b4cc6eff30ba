"""Accounts, as their owners make, see, change and end them."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from litestar import Litestar

from backend.settings import Settings
from tests.api.shapes import USER, bad_fields, is_new_id, is_time, refused
from tests.conftest import client_of, running
from tests.database import Connection
from tests.people import PASSWORD, Person, join, log_in, new_email

NEW_PASSWORD = "seven wet umbrellas in the hall"


async def sign_up(client: httpx.AsyncClient, **fields: object) -> httpx.Response:
    return await client.post("/v1/users", json={"email": new_email(), "password": PASSWORD} | fields)


def hashes(app: Litestar) -> int:
    executed: int = app.state.passwords.hashes_executed
    return executed


# Sign-up.


async def test_signing_up_makes_an_account_of_exactly_the_contracts_fields(client: httpx.AsyncClient) -> None:
    email = new_email("Grace")
    answer = await sign_up(client, email=email, full_name="Grace Hopper")
    user = answer.json()
    assert answer.status_code == 201
    assert list(user) == USER
    assert is_new_id(user["id"])
    assert is_time(user["created_at"])
    assert user["updated_at"] == user["created_at"]
    assert user | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "email": email.lower(),
        "full_name": "Grace Hopper",
        "is_active": True,
        "is_admin": False,
        "email_verified_at": None,
        "created_at": "",
        "updated_at": "",
    }


@pytest.mark.checklist(14)
async def test_whoever_signs_up_is_nobody_special(client: httpx.AsyncClient) -> None:
    for forged in ({"is_admin": True}, {"is_active": True}, {"id": "7"}, {"email_verified_at": None}):
        assert bad_fields(await sign_up(client, **forged)) == {f"/{next(iter(forged))}": "unknown_field"}


async def test_an_address_is_lower_cased_and_taken_whatever_its_case(client: httpx.AsyncClient) -> None:
    email = new_email("Mixed.Case").upper()
    first = await sign_up(client, email=email)
    assert first.json()["email"] == email.lower()
    for again in (email, email.lower(), email.title()):
        refused(await sign_up(client, email=again), 409, "email_taken")


async def test_of_many_who_sign_up_with_an_address_at_once_one_has_it(client: httpx.AsyncClient) -> None:
    email = new_email()
    answers = await asyncio.gather(*(sign_up(client, email=email) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_a_name_may_be_left_out_null_or_two_hundred_characters(client: httpx.AsyncClient) -> None:
    assert (await sign_up(client)).json()["full_name"] is None
    assert (await sign_up(client, full_name=None)).json()["full_name"] is None
    longest = "\N{LATIN SMALL LETTER O WITH DIAERESIS}" * 200
    assert (await sign_up(client, full_name=longest)).json()["full_name"] == longest
    assert bad_fields(await sign_up(client, full_name=longest + "x")) == {"/full_name": "out_of_range"}


@pytest.mark.parametrize(
    "email",
    [
        *("", "ada", "@example.com", "ada@", "ada@exa mple.com", "a@b@example.com", "\N{SNOWMAN}@example.com"),
        *(
            "ada@-example.com",
            "ada@example..com",
            "ada@example.com\n",
            "\N{KELVIN SIGN}@example.com",
            "ada\0@example.com",
        ),
    ],
)
async def test_what_is_no_address_is_refused(client: httpx.AsyncClient, app: Litestar, email: str) -> None:
    before = hashes(app)
    assert bad_fields(await sign_up(client, email=email)) == {"/email": "invalid"}
    assert hashes(app) == before


async def test_an_address_has_at_most_254_characters(client: httpx.AsyncClient) -> None:
    email = new_email("x" * 60)
    longest = email.replace("@", "@" + ".".join(["d" * 60] * 2) + "." + "e" * (254 - len(email) - 122) + ".")[:254]
    longest = longest[:-4] + ".org"
    assert len(longest) == 254
    assert (await sign_up(client, email=longest)).status_code == 201
    assert "/email" in bad_fields(await sign_up(client, email=longest + "g"))


@pytest.mark.checklist(1, 3)
async def test_fifteen_characters_are_enough_and_fourteen_are_not(client: httpx.AsyncClient, app: Litestar) -> None:
    before = hashes(app)
    assert bad_fields(await sign_up(client, password="qzjxkvbwpmghfy")) == {"/password": "too_short"}
    assert hashes(app) == before
    assert (await sign_up(client, password="qzjxkvbwpmghfyt")).status_code == 201
    assert (await sign_up(client, password="\N{SNOWMAN} \N{GRINNING FACE}123456 qzjx \N{SNOWMAN}")).status_code == 201


@pytest.mark.checklist(2)
@pytest.mark.parametrize(
    ("password", "status"),
    [
        ("eight by" * 8, 201),
        ("x1 y2 z3" * 32, 201),
        ("ab9" * 341 + "z", 201),
        ("ab9" * 341 + "zz", 422),
        ("\N{SNOWMAN}" + "ab9" * 340 + "z", 201),
        ("\N{SNOWMAN}" + "ab9" * 340 + "zz", 422),
    ],
    ids=["64", "256", "1024", "1025", "1024 in UTF-8", "1025 in UTF-8"],
)
async def test_a_password_fits_up_to_1024_bytes_and_is_refused_unhashed_above(
    client: httpx.AsyncClient, app: Litestar, password: str, status: int
) -> None:
    before = hashes(app)
    answer = await sign_up(client, password=password)
    if status == 422:
        assert list(bad_fields(answer)) == ["/password"]
    assert (answer.status_code, hashes(app) - before) == (status, 1 if status == 201 else 0)


@pytest.mark.checklist(5)
@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("1234567890123456", "common_password"),
        ("PasswordPassword", "common_password"),
        ("aaaaaaaaaaaaaaaa", "common_password"),
        ("lodestar 12345678", "context_word"),
        ("Adalbertina-1906", "context_word"),
        ("Krautwickelmann!!", "context_word"),
    ],
)
async def test_a_guessable_password_is_refused_with_the_reason(
    client: httpx.AsyncClient, app: Litestar, password: str, reason: str
) -> None:
    before = hashes(app)
    mine = {"email": "adalbertina@example.com", "full_name": "Tina Krautwickelmann"}
    assert bad_fields(await sign_up(client, password=password, **mine)) == {"/password": reason}
    assert hashes(app) == before


async def test_a_bad_address_and_a_weak_password_are_both_named(client: httpx.AsyncClient) -> None:
    answer = await sign_up(client, email="ada", password="short", full_name=7, nickname="x")
    assert bad_fields(answer) == {
        "/email": "invalid",
        "/password": "too_short",
        "/full_name": "invalid",
        "/nickname": "unknown_field",
    }


async def test_a_sign_up_that_is_closed_takes_nobody_and_looks_at_nothing(
    settings_with: Callable[..., Settings], superuser: Connection
) -> None:
    settings, email = settings_with(SIGNUP="closed"), new_email()
    async with running(settings) as app, client_of(app, settings) as client:
        for body in (b'{"email":"%b","password":"%b"}' % (email.encode(), PASSWORD.encode()), b"{}", b"{", b""):
            answer = await client.post("/v1/users", content=body, headers={"content-type": "application/json"})
            refused(answer, 403, "signup_closed")
        refused(await client.post("/v1/users?x=1", json={}), 403, "signup_closed")
        refused(await client.post("/v1/users", content=b"{}"), 415, "unsupported_media_type")
        assert hashes(app) == 0
    found = await superuser.execute("SELECT FROM users WHERE email = %s", (email,))
    assert found.rowcount == 0


# One's own account.


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


# A new password.


async def change(client: httpx.AsyncClient, person: Person, current: str, new: str) -> httpx.Response:
    body = {"current_password": current, "new_password": new}
    return await client.put("/v1/users/me/password", json=body, headers=person)


@pytest.mark.checklist(29, 37)
async def test_a_new_password_replaces_the_old_and_ends_every_other_session(
    client: httpx.AsyncClient, ada: Person
) -> None:
    other = await log_in(client, {"id": ada.id, "email": ada.email})
    changed = await change(client, ada, PASSWORD, NEW_PASSWORD)
    assert (changed.status_code, changed.content) == (204, b"")
    assert (await client.get("/v1/users/me", headers=ada)).status_code == 200
    refused(await client.get("/v1/users/me", headers=other), 401, "invalid_token")
    refused(await refresh(client, other), 401, "invalid_refresh_token")
    assert (await refresh(client, ada)).status_code == 200
    assert await log_in_status(client, ada, PASSWORD) == 401
    assert await log_in_status(client, ada, NEW_PASSWORD) == 200


async def refresh(client: httpx.AsyncClient, person: Person) -> httpx.Response:
    return await client.post("/v1/login/refresh", json={"refresh_token": person.tokens["refresh_token"]})


async def log_in_status(client: httpx.AsyncClient, person: Person, password: str) -> int:
    return (await client.post("/v1/login", json={"email": person.email, "password": password})).status_code


@pytest.mark.checklist(11)
async def test_a_new_password_needs_the_current_one(client: httpx.AsyncClient, ada: Person) -> None:
    other = await log_in(client, {"id": ada.id, "email": ada.email})
    answer = await change(client, ada, "not the right one at all", NEW_PASSWORD)
    problem = refused(answer, 422, "wrong_password")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
        ("/current_password", "wrong_password")
    ]
    assert (await client.get("/v1/users/me", headers=other)).status_code == 200
    assert await log_in_status(client, ada, PASSWORD) == 200


@pytest.mark.checklist(1, 2, 5)
async def test_a_new_password_is_judged_like_the_first(client: httpx.AsyncClient, ada: Person) -> None:
    for weak, reason in {
        "too short": "too_short",
        "\N{SNOWMAN}" * 342: "too_long",
        "passwordpassword": "common_password",
        ada.email: "context_word",
        "lodestar lodestar": "context_word",
    }.items():
        assert bad_fields(await change(client, ada, PASSWORD, weak)) == {"/new_password": reason}
    assert await log_in_status(client, ada, PASSWORD) == 200


async def test_guesses_at_ones_own_password_are_counted_too(
    client: httpx.AsyncClient, app: Litestar, ada: Person, superuser: Connection
) -> None:
    refused(await change(client, ada, "not the right one at all", NEW_PASSWORD), 422, "wrong_password")
    await superuser.execute("UPDATE throttles SET attempts = 20 WHERE key = %s", (f"password:{ada.id}",))
    refused(await change(client, ada, "not the right one at all", NEW_PASSWORD), 422, "wrong_password")
    before = hashes(app)
    refused(await change(client, ada, PASSWORD, NEW_PASSWORD), 429, "too_many_attempts")
    deletion = await client.post("/v1/users/me/deletion", json={"password": PASSWORD}, headers=ada)
    refused(deletion, 429, "too_many_attempts")
    assert hashes(app) == before


@pytest.mark.checklist(4)
async def test_passwords_that_begin_alike_are_not_the_same(client: httpx.AsyncClient) -> None:
    start = "one seventy-two byte beginning that bcrypt could not tell from another! "
    assert len(start) == 72
    person = {"email": new_email(), "password": start + "one"}
    assert (await client.post("/v1/users", json=person)).status_code == 201
    for other in (start + "two", start, start + "ONE", start + "one "):
        refused(await client.post("/v1/login", json=person | {"password": other}), 401, "invalid_credentials")
    assert (await client.post("/v1/login", json=person)).status_code == 200


# The end of an account.


@pytest.mark.checklist(29)
async def test_a_deleted_account_takes_everything_with_it(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    other = await log_in(client, {"id": ada.id, "email": ada.email})
    await client.post("/v1/items", json={"title": "A lens"}, headers=ada)
    deleted = await client.post("/v1/users/me/deletion", json={"password": PASSWORD}, headers=ada)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for person in (ada, other):
        refused(await client.get("/v1/users/me", headers=person), 401, "invalid_token")
        refused(await refresh(client, person), 401, "invalid_refresh_token")
    assert await log_in_status(client, ada, PASSWORD) == 401
    left = "SELECT FROM users WHERE id = %(id)s UNION ALL SELECT FROM items WHERE owner_id = %(id)s"
    left += " UNION ALL SELECT FROM sessions WHERE user_id = %(id)s"
    assert (await superuser.execute(left, {"id": ada.id})).rowcount == 0
    assert (await sign_up(client, email=ada.email)).status_code == 201


@pytest.mark.checklist(11)
async def test_an_account_is_deleted_only_with_its_password(client: httpx.AsyncClient, ada: Person) -> None:
    for wrong in ("not the right one at all", "", PASSWORD.upper()):
        answer = await client.post("/v1/users/me/deletion", json={"password": wrong}, headers=ada)
        problem = refused(answer, 422, "wrong_password")
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/password", "wrong_password")]
    assert (await client.get("/v1/users/me", headers=ada)).status_code == 200


async def test_an_account_without_a_password_can_set_none_and_is_not_deleted_by_one(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    await superuser.execute("UPDATE users SET password_hash = NULL WHERE id = %s", (ada.id,))
    refused(await change(client, ada, PASSWORD, NEW_PASSWORD), 422, "wrong_password")
    answer = await client.post("/v1/users/me/deletion", json={"password": PASSWORD}, headers=ada)
    refused(answer, 422, "wrong_password")


async def test_of_two_changes_of_a_password_at_once_one_counts(client: httpx.AsyncClient) -> None:
    person = await join(client)
    news = ["seven wet umbrellas one", "seven wet umbrellas two"]
    answers = await asyncio.gather(*(change(client, person, PASSWORD, new) for new in news))
    assert sorted(answer.status_code for answer in answers) in ([204, 204], [204, 422])
    working = [new for new in news if await log_in_status(client, person, new) == 200]
    assert len(working) == 1
