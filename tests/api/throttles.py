"""Attempts at log-in and what is counted of them, for the tests of throttling."""

import hashlib

import httpx

from tests.api.shapes import refused
from tests.database import Connection
from tests.people import new_address

WRONG = "not the right one at all"


async def log_in(
    client: httpx.AsyncClient, email: str, password: str = WRONG, address: str | None = None
) -> httpx.Response:
    """From an address that nobody else has, unless one is given."""
    headers = {"x-forwarded-for": address or new_address()}
    return await client.post("/v1/login", json={"email": email, "password": password}, headers=headers)


async def guess(client: httpx.AsyncClient, email: str, address: str | None = None) -> None:
    refused(await log_in(client, email, address=address), 401, "invalid_credentials")


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
