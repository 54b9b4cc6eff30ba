"""A new password: proved by the old one, and ending every other session."""

import asyncio

import httpx
import pytest
from litestar import Litestar

from tests.api.acts import change_password, hashes, leave, lives, log_in, log_in_again, sign_up
from tests.api.shapes import bad_fields, refused
from tests.database import Connection
from tests.people import PASSWORD, Person, join, new_email

NEW_PASSWORD = "seven wet umbrellas in the hall"


@pytest.mark.checklist(29, 37)
async def test_a_new_password_replaces_the_old_and_ends_every_other_session(
    client: httpx.AsyncClient, ada: Person
) -> None:
    other = await log_in_again(client, ada)
    changed = await change_password(client, ada, PASSWORD, NEW_PASSWORD)
    assert (changed.status_code, changed.content) == (204, b"")
    assert [await lives(client, person) for person in (ada, other)] == [True, False]
    refused(await log_in(client, ada.email, PASSWORD), 401, "invalid_credentials")
    assert (await log_in(client, ada.email, NEW_PASSWORD)).status_code == 200


@pytest.mark.checklist(11)
async def test_a_new_password_needs_the_current_one(client: httpx.AsyncClient, ada: Person) -> None:
    other = await log_in_again(client, ada)
    answer = await change_password(client, ada, "not the right one at all", NEW_PASSWORD)
    problem = refused(answer, 422, "wrong_password")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
        ("/current_password", "wrong_password")
    ]
    assert await lives(client, other)
    assert (await log_in(client, ada.email, PASSWORD)).status_code == 200


@pytest.mark.checklist(1, 2, 5)
async def test_a_new_password_is_judged_like_the_first(client: httpx.AsyncClient, ada: Person) -> None:
    for weak, reason in {
        "too short": "too_short",
        "\N{SNOWMAN}" * 342: "too_long",
        "passwordpassword": "common_password",
        ada.email: "context_word",
        "lodestar lodestar": "context_word",
    }.items():
        assert bad_fields(await change_password(client, ada, PASSWORD, weak)) == {"/new_password": reason}
    assert (await log_in(client, ada.email, PASSWORD)).status_code == 200


async def test_guesses_at_ones_own_password_are_counted_too(
    client: httpx.AsyncClient, app: Litestar, ada: Person, superuser: Connection
) -> None:
    refused(await change_password(client, ada, "not the right one at all", NEW_PASSWORD), 422, "wrong_password")
    await superuser.execute("UPDATE throttles SET attempts = 20 WHERE key = %s", (f"password:{ada.id}",))
    refused(await change_password(client, ada, "not the right one at all", NEW_PASSWORD), 422, "wrong_password")
    before = hashes(app)
    refused(await change_password(client, ada, PASSWORD, NEW_PASSWORD), 429, "too_many_attempts")
    refused(await leave(client, ada), 429, "too_many_attempts")
    assert hashes(app) == before


@pytest.mark.checklist(4)
async def test_passwords_that_begin_alike_are_not_the_same(client: httpx.AsyncClient) -> None:
    start = "one seventy-two byte beginning that bcrypt could not tell from another! "
    assert len(start) == 72
    email = new_email()
    assert (await sign_up(client, email=email, password=start + "one")).status_code == 201
    for other in (start + "two", start, start + "ONE", start + "one "):
        refused(await log_in(client, email, other), 401, "invalid_credentials")
    assert (await log_in(client, email, start + "one")).status_code == 200


async def test_an_account_without_a_password_can_set_none_and_is_not_deleted_by_one(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    await superuser.execute("UPDATE users SET password_hash = NULL WHERE id = %s", (ada.id,))
    refused(await change_password(client, ada, PASSWORD, NEW_PASSWORD), 422, "wrong_password")
    refused(await leave(client, ada), 422, "wrong_password")


async def test_of_two_changes_of_a_password_at_once_one_counts(client: httpx.AsyncClient) -> None:
    person = await join(client)
    news = ["seven wet umbrellas one", "seven wet umbrellas two"]
    answers = await asyncio.gather(*(change_password(client, person, PASSWORD, new) for new in news))
    assert sorted(answer.status_code for answer in answers) == [204, 422]
    working = [new for new in news if (await log_in(client, person.email, new)).status_code == 200]
    assert len(working) == 1
