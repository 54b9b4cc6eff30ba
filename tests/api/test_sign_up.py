"""Sign-up: who gets an account, and with which password."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from litestar import Litestar

from backend.settings import Settings
from tests.api.acts import hashes, sign_up
from tests.api.shapes import USER, bad_fields, is_new_id, is_time, refused
from tests.conftest import client_of, running
from tests.database import Connection
from tests.people import PASSWORD, new_email


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
