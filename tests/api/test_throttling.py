"""Guessing at an account is slowed down before anything is hashed, and does not lock its owner out."""

import httpx
import pytest
from litestar import Litestar

from backend.settings import Settings
from tests.api.acts import hashes
from tests.api.shapes import wait_of
from tests.api.throttles import WRONG, attempts, by_account, by_address, count_up, guess, log_in, network, wait_is_over
from tests.conftest import client_of
from tests.database import Connection
from tests.people import PASSWORD, Person, join, new_address, new_email

DAY = 24 * 60 * 60


@pytest.mark.checklist(15)
@pytest.mark.parametrize("known", [True, False], ids=["an account", "no account"])
async def test_ten_failures_are_free_and_each_one_after_them_doubles_the_wait(
    client: httpx.AsyncClient, superuser: Connection, ada: Person, known: bool
) -> None:
    email = ada.email if known else new_email()
    for _ in range(10):
        await guess(client, email)
    assert await attempts(superuser, by_account(email)) == 10
    await count_up(superuser, by_account(email), 14)
    waits = []
    for _ in range(4):
        await guess(client, email)
        waits.append(wait_of(await log_in(client, email)))
        await wait_is_over(superuser, by_account(email))
    for wait, least, most in zip(waits, (16, 32, 64, 128), (32, 64, 128, 256), strict=True):
        assert least < wait <= most


@pytest.mark.checklist(15)
async def test_after_a_hundred_failures_an_account_rests_for_a_day(
    client: httpx.AsyncClient, superuser: Connection, ada: Person
) -> None:
    await count_up(superuser, by_account(ada.email), 98)
    await guess(client, ada.email)
    assert wait_of(await log_in(client, ada.email)) <= 900
    await wait_is_over(superuser, by_account(ada.email))
    await guess(client, ada.email)
    assert 900 < wait_of(await log_in(client, ada.email, PASSWORD)) <= DAY


@pytest.mark.checklist(17)
async def test_what_was_counted_stays_counted_although_the_answer_is_401(
    client: httpx.AsyncClient, superuser: Connection, ada: Person
) -> None:
    address = new_address()
    for counted in (1, 2):
        await guess(client, ada.email, address)
        assert await attempts(superuser, by_account(ada.email)) == counted
        assert await attempts(superuser, by_address(address)) == counted
    noted = "SELECT FROM audit_events WHERE event = 'login_failed' AND user_id = %s"
    assert (await superuser.execute(noted, (ada.id,))).rowcount == 2


@pytest.mark.checklist(16)
async def test_it_is_decided_before_anything_is_hashed_and_is_not_counted_again(
    client: httpx.AsyncClient, app: Litestar, superuser: Connection, ada: Person
) -> None:
    await count_up(superuser, by_account(ada.email), 20)
    await guess(client, ada.email)
    before = hashes(app)
    for password in (WRONG, PASSWORD, ""):
        wait_of(await log_in(client, ada.email, password))
    assert hashes(app) == before
    assert await attempts(superuser, by_account(ada.email)) == 21


async def test_the_right_password_makes_good_what_was_counted(
    client: httpx.AsyncClient, superuser: Connection, ada: Person
) -> None:
    address = new_address()
    await count_up(superuser, by_account(ada.email), 5)
    await guess(client, ada.email, address)
    assert (await log_in(client, ada.email, PASSWORD, address)).status_code == 200
    assert await attempts(superuser, by_account(ada.email)) == 0
    assert await attempts(superuser, by_address(address)) == 1


async def test_the_case_of_an_address_opens_no_second_account(
    client: httpx.AsyncClient, superuser: Connection, ada: Person
) -> None:
    await guess(client, ada.email.upper())
    await guess(client, ada.email.title())
    assert await attempts(superuser, by_account(ada.email)) == 2


@pytest.mark.checklist(15)
async def test_strangers_do_not_lock_the_owner_out_of_where_he_has_been(
    app: Litestar, settings: Settings, superuser: Connection
) -> None:
    home = new_address()
    async with client_of(app, settings, home) as client:
        owner = await join(client, "owner")
        await count_up(superuser, by_account(owner.email), 20)
        await guess(client, owner.email)
        wait_of(await log_in(client, owner.email, PASSWORD))
        assert (await log_in(client, owner.email, PASSWORD, home)).status_code == 200
        # Neighbours in the same /64 count as at home; and that he came in lets no stranger in.
        assert (await log_in(client, owner.email, PASSWORD, home + "2")).status_code == 200
        wait_of(await log_in(client, owner.email, PASSWORD))
        await client.post("/v1/logout", params={"scope": "global"}, headers=owner)
        assert (await log_in(client, owner.email, PASSWORD, home)).status_code == 200


@pytest.mark.checklist(15)
async def test_guesses_from_where_the_owner_has_been_are_slowed_down_too(
    app: Litestar, settings: Settings, superuser: Connection
) -> None:
    home = new_address()
    async with client_of(app, settings, home) as client:
        owner = await join(client, "owner")
        known = by_account(owner.email).replace("login-account:", f"login-known:{network(home)}:")
        await guess(client, owner.email, home)
        assert await attempts(superuser, known) == 1
        await count_up(superuser, known, 20)
        await guess(client, owner.email, home)
        wait_of(await log_in(client, owner.email, PASSWORD, home))
        assert (await log_in(client, owner.email, PASSWORD)).status_code == 200
