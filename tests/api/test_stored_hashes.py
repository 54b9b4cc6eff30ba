"""Hashes that were stored by others, or long ago, are used once more and renewed."""

import bcrypt
import httpx
import pytest
from argon2 import PasswordHasher
from litestar import Litestar

from tests.api.acts import hashes, log_in
from tests.api.shapes import refused
from tests.database import Connection
from tests.people import PASSWORD, Person

WRONG = "not the right one at all"
WEAKER = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)


async def store(superuser: Connection, person: Person, password_hash: str | None) -> None:
    await superuser.execute("UPDATE users SET password_hash = %s WHERE id = %s", (password_hash, person.id))


async def stored(superuser: Connection, person: Person) -> str:
    cursor = await superuser.execute("SELECT password_hash FROM users WHERE id = %s", (person.id,))
    row = await cursor.fetchone()
    assert row
    return str(row[0])


@pytest.mark.checklist(7)
async def test_a_bcrypt_hash_is_verified_and_becomes_argon2id(
    client: httpx.AsyncClient, app: Litestar, superuser: Connection, ada: Person
) -> None:
    await store(superuser, ada, bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode())
    account = (await client.get("/v1/users/me", headers=ada)).json()
    refused(await log_in(client, ada.email, WRONG), 401, "invalid_credentials")
    assert (await stored(superuser, ada)).startswith("$2b$04$")
    assert (await log_in(client, ada.email, PASSWORD)).status_code == 200
    assert (await stored(superuser, ada)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    before = hashes(app)
    assert (await log_in(client, ada.email, PASSWORD)).status_code == 200
    assert hashes(app) - before == 1
    assert (await client.get("/v1/users/me", headers=ada)).json() == account


@pytest.mark.checklist(7)
async def test_weaker_argon2_parameters_are_renewed(
    client: httpx.AsyncClient, superuser: Connection, ada: Person
) -> None:
    weaker = WEAKER.hash(PASSWORD)
    await store(superuser, ada, weaker)
    refused(await log_in(client, ada.email, WRONG), 401, "invalid_credentials")
    assert await stored(superuser, ada) == weaker
    assert (await log_in(client, ada.email, PASSWORD)).status_code == 200
    assert (await stored(superuser, ada)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.checklist(8)
async def test_more_than_bcrypt_reads_is_refused_and_not_cut(
    client: httpx.AsyncClient, app: Litestar, superuser: Connection, ada: Person
) -> None:
    whole = "one seventy-two byte beginning that bcrypt could not tell from another! "
    await store(superuser, ada, bcrypt.hashpw(whole.encode(), bcrypt.gensalt(4)).decode())
    before = hashes(app)
    refused(await log_in(client, ada.email, whole + "x"), 401, "invalid_credentials")
    assert hashes(app) - before == 1
    assert (await log_in(client, ada.email, whole)).status_code == 200


@pytest.mark.checklist(8)
@pytest.mark.parametrize(
    "unusable", ["", "!", PASSWORD, "$1$abc$def", "$argon2id$v=19$m=1", "$2b$31$" + "x" * 53, "{SSHA}x", "$scrypt$x"]
)
async def test_a_hash_of_an_unknown_kind_is_never_right(
    client: httpx.AsyncClient, app: Litestar, superuser: Connection, ada: Person, unusable: str
) -> None:
    await store(superuser, ada, unusable)
    before = hashes(app)
    refused(await log_in(client, ada.email, PASSWORD), 401, "invalid_credentials")
    assert hashes(app) - before == 1
