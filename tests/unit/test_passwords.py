"""Password hashes: whole passwords, the same work for every account, and older hashes told apart."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator

import bcrypt
import pytest
from argon2 import Parameters, PasswordHasher, Type, extract_parameters
from structlog.testing import capture_logs

from backend.security.hasher import Hasher
from backend.security.jobs import Costs, Job
from backend.security.passwords import HashPoolFull, Passwords, Verdict
from backend.settings import Settings

PASSWORD = "correct horse battery staple"
WRONG = Verdict(ok=False, outdated=False)
RIGHT = Verdict(ok=True, outdated=False)
OUTDATED = Verdict(ok=True, outdated=True)
FLOOR = Parameters(Type.ID, 19, 16, 32, time_cost=2, memory_cost=19_456, parallelism=1)
SALT, DIGEST = "c29tZXNhbHRzb21lc2FsdA", "A" * 43


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    data = tmp_path_factory.mktemp("data")
    return Settings.read({"DATA_DIR": str(data), "HASH_WORKERS": "1", "HASH_QUEUE": "2"})


@pytest.fixture
async def passwords(settings: Settings) -> AsyncIterator[Passwords]:
    passwords = Passwords(settings)
    yield passwords
    await passwords.close()


def legacy(password: str, variant: str = "2b") -> str:
    encoded = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    return encoded.replace("$2b$", f"${variant}$")


@pytest.mark.checklist(7)
async def test_a_hash_is_argon2id_with_the_configured_costs_and_its_own_salt(passwords: Passwords) -> None:
    first, second = await passwords.hash(PASSWORD), await passwords.hash(PASSWORD)
    assert extract_parameters(first) == FLOOR
    assert first.split("$")[4] != second.split("$")[4]
    assert passwords.hashes_executed == 2


@pytest.mark.checklist(4)
@pytest.mark.parametrize(
    "other",
    [
        PASSWORD[:-1],
        f"{PASSWORD} ",
        PASSWORD.title(),
        "correct  horse battery staple",
        f"{PASSWORD}\0",
    ],
)
async def test_only_the_very_same_password_is_right(passwords: Passwords, other: str) -> None:
    stored = await passwords.hash(PASSWORD)
    assert await passwords.verify(PASSWORD, stored) == RIGHT
    assert await passwords.verify(other, stored) == WRONG
    assert passwords.hashes_executed == 3


@pytest.mark.checklist(4)
async def test_passwords_that_differ_after_72_bytes_are_different(passwords: Passwords) -> None:
    stored = await passwords.hash("x" * 72 + "one")
    assert await passwords.verify("x" * 72 + "two", stored) == WRONG
    assert await passwords.verify("x" * 72, stored) == WRONG


@pytest.mark.checklist(4)
async def test_a_password_is_taken_as_received_without_normalisation(passwords: Passwords) -> None:
    composed = unicodedata.normalize("NFC", "café crème brûlée")
    stored = await passwords.hash(composed)
    assert await passwords.verify(composed, stored) == RIGHT
    assert await passwords.verify(unicodedata.normalize("NFD", composed), stored) == WRONG


async def test_lone_surrogates_are_characters_like_any_other(passwords: Passwords) -> None:
    stored = await passwords.hash("\ud800 and \udfff")
    assert await passwords.verify("\ud800 and \udfff", stored) == RIGHT
    assert await passwords.verify("? and ?", stored) == WRONG
    assert await passwords.verify("\ud801 and \udfff", legacy(PASSWORD)) == WRONG


@pytest.mark.checklist(2)
@pytest.mark.parametrize("length", [64, 256, 1024])
async def test_long_passwords_are_hashed_whole(passwords: Passwords, length: int) -> None:
    stored = await passwords.hash("x" * length)
    assert await passwords.verify("x" * length, stored) == RIGHT
    assert await passwords.verify("x" * (length - 1) + "y", stored) == WRONG


@pytest.mark.checklist(2)
async def test_more_than_1024_bytes_are_refused_without_a_hash_whatever_is_stored(
    passwords: Passwords,
) -> None:
    long = "é" * 512 + "x"
    for stored in (None, legacy(PASSWORD), "$unknown$"):
        assert await passwords.verify(long, stored) == WRONG
    with pytest.raises(ValueError, match="1024"):
        await passwords.hash(long)
    assert passwords.hashes_executed == 0


@pytest.mark.checklist(7)
@pytest.mark.parametrize(
    "older",
    [
        PasswordHasher(time_cost=1, memory_cost=19_456, parallelism=1),
        PasswordHasher(time_cost=2, memory_cost=1024, parallelism=1),
        PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.I),
        PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=16),
        PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, salt_len=8),
    ],
)
async def test_other_argon2_parameters_are_right_but_outdated(passwords: Passwords, older: PasswordHasher) -> None:
    stored = older.hash(PASSWORD)
    assert await passwords.verify(PASSWORD, stored) == OUTDATED
    assert await passwords.verify("something else", stored) == WRONG
    assert passwords.hashes_executed == 2


@pytest.mark.checklist(7, 8)
@pytest.mark.parametrize("variant", ["2a", "2b", "2y"])
async def test_bcrypt_is_right_but_outdated_and_costs_one_run(passwords: Passwords, variant: str) -> None:
    stored = legacy(PASSWORD, variant)
    assert await passwords.verify(PASSWORD, stored) == OUTDATED
    assert await passwords.verify("something else", stored) == WRONG
    assert passwords.hashes_executed == 2


@pytest.mark.checklist(8)
async def test_more_than_72_bytes_against_bcrypt_are_wrong_and_no_warning(passwords: Passwords) -> None:
    with capture_logs() as logs:
        assert await passwords.verify("x" * 73, legacy("x" * 72)) == WRONG
    assert logs == []
    assert passwords.hashes_executed == 1


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every encoded hash that Argon2 is asked to compare with, in this process."""
    seen: list[str] = []
    verify = PasswordHasher.verify

    def watched(hasher: PasswordHasher, encoded: str, secret: bytes) -> bool:
        seen.append(encoded)
        return verify(hasher, encoded, secret)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    return seen


@pytest.mark.checklist(8, 9)
@pytest.mark.parametrize("stored", [None, "", "$unknown$", f"$2b$04${'.' * 53}"])
def test_what_cannot_be_compared_costs_an_argon2_run_with_todays_parameters(
    compared: list[str], stored: str | None
) -> None:
    done = Hasher(Costs(2, 19_456, 1, threads=1)).done(Job(1, b"x" * 73, compare=True, stored=stored))
    assert (done.runs, done.ok) == (1, False)
    assert extract_parameters(compared[-1]) == FLOOR
    assert compared[:-1] == ([] if stored is None or stored.startswith("$2b$") else [stored])


@pytest.mark.checklist(9)
async def test_no_account_or_no_password_costs_one_hash_as_well(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    before = passwords.hashes_executed
    assert await passwords.verify("something else", stored) == WRONG
    assert passwords.hashes_executed == before + 1
    assert await passwords.verify("something else", None) == WRONG
    assert passwords.hashes_executed == before + 2


@pytest.mark.checklist(8, 9)
@pytest.mark.parametrize(
    "stored",
    [
        "",
        "!",
        "plain text of somebody's password",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.",
        "$scrypt$ln=16,r=8,p=1$c2FsdA$aGFzaA",
        "$2x$04$" + "." * 53,
        "$2b$04$short",
        *(f"$2b${cost}$" + "." * 53 for cost in ("03", "17", "19", "31")),
        "$2b$04$" + "é" * 53,
        "$2b$04$" + "." * 21 + "z" + "." * 31,
        "$argon2id",
        "$argon2id$v=19$m=19456,t=2,p=1",
        f"$argon2id$v=19$m=19456,t=2,p=1${SALT}$",
        f"$argon2id$v=19$m=19456,t=2,p=1$!!!!${DIGEST}",
        f"$argon2id$v=19$m=19456,t=0,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=1,t=2,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=19456,t=2,p=1${SALT}${DIGEST}\N{SNOWMAN}",
    ],
)
async def test_a_hash_that_cannot_be_used_costs_one_run_and_one_warning_that_hides_it(
    passwords: Passwords, stored: str
) -> None:
    with capture_logs() as logs:
        assert await passwords.verify(PASSWORD, stored) == WRONG
    assert passwords.hashes_executed == 1
    assert logs == [{"event": "password_hash_unusable", "log_level": "warning"}]


@pytest.mark.checklist(20)
async def test_a_full_pool_refuses_before_hashing(passwords: Passwords) -> None:
    admitted = [asyncio.create_task(passwords.verify(PASSWORD, None)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(HashPoolFull):
        await passwords.verify(PASSWORD, None)
    with pytest.raises(HashPoolFull):
        await passwords.hash(PASSWORD)
    assert passwords.hashes_executed == 0
    assert await asyncio.gather(*admitted) == [WRONG] * 3
    assert passwords.hashes_executed == 3
