"""Log-in: who gets tokens, what they say, and that nobody learns from a refusal."""

import base64
import json
from typing import Any

import httpx
import pytest
from litestar import Litestar

from backend.settings import Settings
from tests.api.acts import hashes, log_in
from tests.api.shapes import TOKENS, bad_fields, refused
from tests.database import Connection
from tests.people import PASSWORD, Person, new_email

WRONG = "not the right one at all"


async def store(superuser: Connection, person: Person, password_hash: str | None) -> None:
    await superuser.execute("UPDATE users SET password_hash = %s WHERE id = %s", (password_hash, person.id))


def said_by(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.mark.checklist(38)
async def test_logging_in_gives_exactly_the_contracts_tokens(
    client: httpx.AsyncClient, settings: Settings, ada: Person
) -> None:
    answer = await log_in(client, ada.email, PASSWORD)
    tokens = answer.json()
    assert (answer.status_code, list(tokens)) == (200, TOKENS)
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", settings.access_token_seconds)
    assert answer.headers["cache-control"] == "no-store"
    assert (await client.get("/v1/users/me", headers=ada)).json()["id"] == ada.id


@pytest.mark.checklist(23, 24, 26)
async def test_an_access_token_says_what_the_contract_says_and_nothing_personal(
    client: httpx.AsyncClient, settings: Settings, ada: Person
) -> None:
    header, claims = map(said_by, ada.tokens["access_token"].split(".")[:2])
    keys = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": keys[0]["kid"]}
    assert set(claims) == {"iss", "aud", "sub", "sid", "jti", "iat", "exp", "adm"}
    assert (claims["iss"], claims["aud"]) == (settings.jwt_issuer, settings.jwt_audience)
    assert (claims["sub"], claims["adm"]) == (ada.id, False)
    assert claims["exp"] - claims["iat"] == settings.access_token_seconds


async def test_the_case_of_an_address_makes_no_difference(client: httpx.AsyncClient, ada: Person) -> None:
    assert (await log_in(client, ada.email.upper(), PASSWORD)).status_code == 200


@pytest.mark.checklist(36)
async def test_each_log_in_opens_a_session_of_its_own(client: httpx.AsyncClient, ada: Person) -> None:
    again = (await log_in(client, ada.email, PASSWORD)).json()
    sessions = [said_by(tokens["access_token"].split(".")[1])["sid"] for tokens in (ada.tokens, again)]
    assert sessions[0] != sessions[1]


async def test_a_device_may_be_named(client: httpx.AsyncClient, ada: Person) -> None:
    assert (await log_in(client, ada.email, PASSWORD, device_name="Analytical Engine")).status_code == 200
    assert (await log_in(client, ada.email, PASSWORD, device_name=None)).status_code == 200
    longer = await log_in(client, ada.email, PASSWORD, device_name="x" * 201)
    assert bad_fields(longer) == {"/device_name": "out_of_range"}


async def test_what_breaks_the_contract_is_named_and_not_hashed(client: httpx.AsyncClient, app: Litestar) -> None:
    before = hashes(app)
    answer = await client.post("/v1/login", json={"email": "x" * 255, "otp": "1", "device_name": 7})
    assert bad_fields(answer) == {
        "/email": "out_of_range",
        "/password": "missing",
        "/otp": "unknown_field",
        "/device_name": "invalid",
    }
    assert "/password" in bad_fields(await log_in(client, "ada@example.com", "x" * 1025))
    assert hashes(app) == before


async def test_nul_does_not_make_another_address_out_of_one(client: httpx.AsyncClient, ada: Person) -> None:
    answer = await log_in(client, ada.email.replace("@", "\0@"), PASSWORD)
    assert list(bad_fields(answer)) == ["/email"]


@pytest.mark.checklist(9)
async def test_unknown_wrong_disabled_and_password_less_are_one_answer_and_one_hash(
    client: httpx.AsyncClient, app: Litestar, superuser: Connection, ada: Person, bob: Person
) -> None:
    same = {"x-request-id": "3f2b8a4e-0c39-4b43-9d3b-0e9c5d1f7a10"}
    disabled = Person((await client.post("/v1/users", json={"email": new_email(), "password": PASSWORD})).json(), NONE)
    await superuser.execute("UPDATE users SET is_active = false WHERE id = %s", (disabled.id,))
    await store(superuser, bob, None)
    attempts = {
        "unknown": (new_email(), PASSWORD),
        "no address at all": ("ada", PASSWORD),
        "wrong": (ada.email, WRONG),
        "empty": (ada.email, ""),
        "disabled": (disabled.email, PASSWORD),
        "disabled and wrong": (disabled.email, WRONG),
        "password-less": (bob.email, PASSWORD),
    }
    answers = set()
    for email, password in attempts.values():
        before = hashes(app)
        answer = await client.post("/v1/login", json={"email": email, "password": password}, headers=same)
        refused(answer, 401, "invalid_credentials")
        assert hashes(app) - before == 1
        answers.add((answer.content, str(answer.headers)))
    assert len(answers) == 1


NONE = {"access_token": ""}


@pytest.mark.checklist(2)
async def test_a_password_of_more_than_1024_bytes_is_never_hashed(
    client: httpx.AsyncClient, app: Litestar, ada: Person
) -> None:
    before = hashes(app)
    for email in (ada.email, new_email()):
        assert bad_fields(await log_in(client, email, "x" * 1025)) == {"/password": "out_of_range"}
        # These are 1,026 bytes in 342 characters: no account has such a password.
        refused(await log_in(client, email, "\N{SNOWMAN}" * 342), 401, "invalid_credentials")
    assert hashes(app) == before
