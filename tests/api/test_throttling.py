"""Guessing is slowed down for all workers at once, before anything is hashed, and the owner is not locked out by it."""

import asyncio
import hashlib
from collections.abc import Callable

import httpx
import psycopg
import pytest
from litestar import Litestar

from backend.database.embedded import Embedded
from backend.settings import Settings
from tests.api.conftest import cloned
from tests.api.shapes import refused, wait_of
from tests.conftest import client_of, running, settings_for
from tests.database import Connection
from tests.people import PASSWORD, Person, join, new_address, new_email

WRONG = "not the right one at all"
DAY = 24 * 60 * 60


async def log_in(
    client: httpx.AsyncClient, email: str, password: str = WRONG, address: str | None = None
) -> httpx.Response:
    """From an address that nobody else has, unless one is given."""
    headers = {"x-forwarded-for": address or new_address()}
    return await client.post("/v1/login", json={"email": email, "password": password}, headers=headers)


async def guess(client: httpx.AsyncClient, email: str, address: str | None = None) -> None:
    refused(await log_in(client, email, address=address), 401, "invalid_credentials")


def hashes(app: Litestar) -> int:
    executed: int = app.state.passwords.hashes_executed
    return executed


def by_account(email: str) -> str:
    return f"login-account:{hashlib.sha256(email.encode()).hexdigest()}"


def by_address(address: str) -> str:
    return f"login-address:{network(address)}"


def network(address: str) -> str:
    """Of `tests.people.new_address`, whose addresses are alone in their /64."""
    return address.removesuffix("1") + "/64"


async def attempts(superuser: Connection, key: str) -> int:
    """As another connection sees it."""
    cursor = await superuser.execute("SELECT attempts FROM throttles WHERE key = %s", (key,))
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def count_up(superuser: Connection, key: str, counted: int) -> None:
    """As if there had been so many attempts, and as if their wait were over."""
    await superuser.execute(
        "INSERT INTO throttles (key, attempts) VALUES (%s, %s)"
        " ON CONFLICT (key) DO UPDATE SET attempts = excluded.attempts, blocked_until = '-infinity'",
        (key, counted),
    )


async def wait_is_over(superuser: Connection, key: str) -> None:
    await superuser.execute("UPDATE throttles SET blocked_until = '-infinity' WHERE key = %s", (key,))


# By account.


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


# By address.


@pytest.mark.checklist(16)
async def test_an_address_is_counted_across_accounts(
    client: httpx.AsyncClient, app: Litestar, superuser: Connection, ada: Person
) -> None:
    address = new_address()
    await count_up(superuser, by_address(address), 150)
    await guess(client, new_email(), address)
    before = hashes(app)
    for email in (new_email(), ada.email, "nobody"):
        wait_of(await log_in(client, email, PASSWORD, address))
    assert hashes(app) == before
    assert await attempts(superuser, by_account(ada.email)) == 0
    assert (await log_in(client, ada.email, PASSWORD)).status_code == 200


@pytest.mark.checklist(16)
async def test_an_ipv6_address_is_counted_by_its_64_and_an_ipv4_address_whole(
    client: httpx.AsyncClient, superuser: Connection
) -> None:
    address = new_address()
    subnet = address.removesuffix("::1")
    for one in (address, f"{subnet}::2", f"{subnet}:ffff:ffff:ffff:ffff", f"[{subnet}:0:0:0:3]:443"):
        await guess(client, new_email(), one)
    assert await attempts(superuser, by_address(address)) == 4
    host = int(hashlib.sha256(subnet.encode()).hexdigest(), 16)
    ipv4 = [f"198.{18 + host % 2}.{host // 2 % 256}.{last}" for last in (1, 2)]
    for one in (ipv4[0], ipv4[1], f"::ffff:{ipv4[0]}"):
        await guess(client, new_email(), one)
    assert [await attempts(superuser, f"login-address:{one}") for one in ipv4] == [2, 1]


@pytest.mark.checklist(18)
async def test_what_stands_left_of_the_trusted_proxy_is_ignored(
    client: httpx.AsyncClient, superuser: Connection
) -> None:
    address = new_address()
    forged = [new_address() for _ in range(3)]
    lines = [
        [("x-forwarded-for", f"{forged[0]}, {forged[1]}, {forged[2]}, {address}")],
        [*(("x-forwarded-for", one) for one in forged), ("x-forwarded-for", address)],
        [("x-forwarded-for", address), ("forwarded", f'for="[{forged[0]}]"'), ("x-real-ip", forged[1])],
    ]
    del client.headers["x-forwarded-for"]
    for headers in lines:
        body = {"email": new_email(), "password": WRONG}
        refused(await client.post("/v1/login", json=body, headers=headers), 401, "invalid_credentials")
    assert await attempts(superuser, by_address(address)) == 3
    assert [await attempts(superuser, by_address(one)) for one in forged] == [0, 0, 0]


@pytest.mark.checklist(18)
async def test_without_trusted_proxies_the_header_says_nothing(
    settings_with: Callable[..., Settings], superuser: Connection
) -> None:
    settings, forged = settings_with(TRUSTED_PROXIES="0"), new_address()
    async with running(settings) as app, client_of(app, settings, forged) as client:
        person = await join(client)
        (session,) = (await client.get("/v1/sessions", headers=person)).json()
    assert session["ip_address"] == "127.0.0.1"
    assert await attempts(superuser, by_address(forged)) == 0


# Many at once, and many workers.


@pytest.mark.checklist(15, 16)
async def test_guesses_at_once_do_not_slip_through_together(
    client: httpx.AsyncClient, app: Litestar, superuser: Connection, ada: Person
) -> None:
    await count_up(superuser, by_account(ada.email), 18)
    before = hashes(app)
    answers = await asyncio.gather(*(log_in(client, ada.email) for _ in range(40)))
    assert sorted(answer.status_code for answer in answers) == [401] + [429] * 39
    assert hashes(app) - before == 1
    assert await attempts(superuser, by_account(ada.email)) == 19


@pytest.mark.checklist(15)
async def test_workers_count_together(
    client: httpx.AsyncClient, settings: Settings, superuser: Connection, ada: Person
) -> None:
    async with running(settings) as other_app, client_of(other_app, settings) as other:
        await guess(client, ada.email)
        await guess(other, ada.email)
        assert await attempts(superuser, by_account(ada.email)) == 2
        await count_up(superuser, by_account(ada.email), 20)
        await guess(client, ada.email)
        wait_of(await log_in(other, ada.email, PASSWORD))
        assert hashes(other_app) == 1


# Sign-up and refresh.


async def sign_up(client: httpx.AsyncClient, address: str, email: str | None = None) -> httpx.Response:
    body = {"email": email or new_email(), "password": PASSWORD}
    return await client.post("/v1/users", json=body, headers={"x-forwarded-for": address})


@pytest.mark.checklist(16)
async def test_sign_ups_of_an_address_are_limited_and_then_cost_no_hash(
    client: httpx.AsyncClient, app: Litestar, settings: Settings, superuser: Connection
) -> None:
    address = new_address()
    await count_up(superuser, f"signup-address:{network(address)}", 30)
    assert (await sign_up(client, address)).status_code == 201
    before = hashes(app)
    wait_of(await sign_up(client, address))
    assert hashes(app) == before
    assert (await sign_up(client, new_address())).status_code == 201
    # A worker that has not heard of it hashes once, and the database refuses.
    async with running(settings) as other_app, client_of(other_app, settings) as other:
        email = new_email()
        for _ in range(2):
            wait_of(await sign_up(other, address, email))
            assert hashes(other_app) == 1
    assert (await superuser.execute("SELECT FROM users WHERE email = %s", (email,))).rowcount == 0


async def test_asking_whether_addresses_are_taken_is_counted(
    client: httpx.AsyncClient, superuser: Connection, ada: Person
) -> None:
    address = new_address()
    refused(await sign_up(client, address, ada.email), 409, "email_taken")
    assert await attempts(superuser, f"signup-address:{network(address)}") == 1


@pytest.mark.checklist(16)
async def test_refused_refreshes_of_an_address_are_limited(
    client: httpx.AsyncClient, superuser: Connection, ada: Person
) -> None:
    address = new_address()
    key = f"refresh-address:{network(address)}"

    async def refresh(token: str, origin: str) -> httpx.Response:
        headers = {"x-forwarded-for": origin}
        return await client.post("/v1/login/refresh", json={"refresh_token": token}, headers=headers)

    refused(await refresh("forged", address), 401, "invalid_refresh_token")
    assert await attempts(superuser, key) == 1
    await count_up(superuser, key, 150)
    refused(await refresh("forged", address), 401, "invalid_refresh_token")
    wait_of(await refresh("forged", address))
    wait_of(await refresh(ada.tokens["refresh_token"], address))
    assert (await refresh(ada.tokens["refresh_token"], new_address())).status_code == 200
    assert await attempts(superuser, key) == 151


async def test_refreshes_that_succeed_are_not_counted(
    client: httpx.AsyncClient, superuser: Connection, ada: Person
) -> None:
    address = new_address()
    body = {"refresh_token": ada.tokens["refresh_token"]}
    for _ in range(2):
        answer = await client.post("/v1/login/refresh", json=body, headers={"x-forwarded-for": address})
        assert answer.status_code == 200
    assert await attempts(superuser, f"refresh-address:{network(address)}") == 0


async def test_limits_can_be_switched_off(
    settings_with: Callable[..., Settings], superuser: Connection, ada: Person
) -> None:
    settings, address = settings_with(RATE_LIMITS="off"), new_address()
    await count_up(superuser, by_account(ada.email), 50)
    async with running(settings) as app, client_of(app, settings) as client:
        for _ in range(3):
            await guess(client, ada.email, address)
        assert (await log_in(client, ada.email, PASSWORD, address)).status_code == 200
    assert await attempts(superuser, by_address(address)) == 0


# Without the store of the counts nobody gets in.


@pytest.mark.checklist(17, 76)
async def test_without_the_database_nobody_passes(postgres: Embedded, worker_id: str) -> None:
    server = psycopg.connect(postgres.superuser_url, autocommit=True)
    with cloned(postgres, f"tests_{worker_id}_down") as name, server:
        settings = settings_for(postgres, name, POOL_TIMEOUT="0.05")
        async with running(settings) as app, client_of(app, settings) as client:
            person = await join(client)
            assert (await client.get("/v1/users/me", headers=person)).status_code == 200
            server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false".encode())
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            before = hashes(app)
            for _ in range(3):
                for answer in (
                    await log_in(client, person.email, PASSWORD),
                    await log_in(client, person.email),
                    await client.post("/v1/login/refresh", json={"refresh_token": person.tokens["refresh_token"]}),
                    await client.post("/v1/login/refresh", json={"refresh_token": "forged"}),
                    await client.get("/v1/users/me", headers=person),
                    await client.post("/v1/logout", headers=person),
                ):
                    refused(answer, 503, answer.json()["code"])
            assert hashes(app) == before
            refused(await sign_up(client, new_address()), 503, "overloaded")
