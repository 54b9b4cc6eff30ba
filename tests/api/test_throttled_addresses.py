"""Attempts from an address are counted whatever they are at; and which address it is, nobody can invent."""

import hashlib
from collections.abc import Callable

import httpx
import pytest
from litestar import Litestar

from backend.settings import Settings
from tests.api.acts import hashes
from tests.api.shapes import refused, wait_of
from tests.api.throttles import WRONG, attempts, by_account, by_address, count_up, guess, log_in, network
from tests.conftest import client_of, running
from tests.database import Connection
from tests.people import PASSWORD, Person, join, new_address, new_email


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


async def sign_up_from(client: httpx.AsyncClient, address: str, email: str | None = None) -> httpx.Response:
    body = {"email": email or new_email(), "password": PASSWORD}
    return await client.post("/v1/users", json=body, headers={"x-forwarded-for": address})


@pytest.mark.checklist(16)
async def test_sign_ups_of_an_address_are_limited_and_then_cost_no_hash(
    client: httpx.AsyncClient, app: Litestar, settings: Settings, superuser: Connection
) -> None:
    address = new_address()
    await count_up(superuser, f"signup-address:{network(address)}", 30)
    assert (await sign_up_from(client, address)).status_code == 201
    before = hashes(app)
    wait_of(await sign_up_from(client, address))
    assert hashes(app) == before
    assert (await sign_up_from(client, new_address())).status_code == 201
    # A worker that has not heard of it hashes once, and the database refuses.
    async with running(settings) as other_app, client_of(other_app, settings) as other:
        email = new_email()
        for _ in range(2):
            wait_of(await sign_up_from(other, address, email))
            assert hashes(other_app) == 1
    assert (await superuser.execute("SELECT FROM users WHERE email = %s", (email,))).rowcount == 0


async def test_asking_whether_addresses_are_taken_is_counted(
    client: httpx.AsyncClient, superuser: Connection, ada: Person
) -> None:
    address = new_address()
    refused(await sign_up_from(client, address, ada.email), 409, "email_taken")
    assert await attempts(superuser, f"signup-address:{network(address)}") == 1


@pytest.mark.checklist(16)
async def test_forged_refresh_tokens_of_an_address_are_limited_and_genuine_ones_are_not(
    client: httpx.AsyncClient, superuser: Connection, ada: Person
) -> None:
    headers = {"x-forwarded-for": new_address()}
    key = f"refresh-address:{network(headers['x-forwarded-for'])}"

    async def refresh(token: str) -> httpx.Response:
        return await client.post("/v1/login/refresh", json={"refresh_token": token}, headers=headers)

    refused(await refresh("forged"), 401, "invalid_refresh_token")
    assert await attempts(superuser, key) == 1
    await count_up(superuser, key, 150)
    refused(await refresh("forged"), 401, "invalid_refresh_token")
    wait_of(await refresh("forged"))
    assert (await refresh(ada.tokens["refresh_token"])).status_code == 200
    assert await attempts(superuser, key) == 151
