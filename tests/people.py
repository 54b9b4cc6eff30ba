"""Accounts that tests make for themselves."""

import secrets
from typing import Any

import httpx

PASSWORD = "correct horse battery staple"


class Person(dict[str, str]):
    """Somebody who is logged in: the headers of his requests, so that tests read `headers=ada`."""

    def __init__(self, account: dict[str, Any], tokens: dict[str, Any]) -> None:
        super().__init__(authorization=f"Bearer {tokens['access_token']}")
        self.id: str = account["id"]
        self.email: str = account["email"]
        self.tokens = tokens


def new_email(name: str = "someone") -> str:
    return f"{name}-{secrets.token_hex(6)}@example.com"


def new_address() -> str:
    """An address nobody else has, so that one test's failures do not throttle another: a /64 of its own."""
    return f"2001:db8:{secrets.randbelow(0x10000):x}:{secrets.randbelow(0x10000):x}::1"


async def join(client: httpx.AsyncClient, name: str = "someone", **more: Any) -> Person:
    """Signs up and logs in."""
    credentials = {"email": new_email(name), "password": PASSWORD}
    account = await client.post("/v1/users", json=credentials | more)
    assert account.status_code == 201, account.text
    return await log_in(client, account.json())


async def log_in(client: httpx.AsyncClient, account: dict[str, Any], **more: Any) -> Person:
    tokens = await client.post("/v1/login", json={"email": account["email"], "password": PASSWORD} | more)
    assert tokens.status_code == 200, tokens.text
    return Person(account, tokens.json())
