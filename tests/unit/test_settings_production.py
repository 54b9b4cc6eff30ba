"""What production refuses to start on, and that no way of printing the settings shows a secret."""

import base64
import random
import re
import secrets
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from msgspec.structs import replace
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from backend.security.keyring import KeyRing, new_signing_key, public_pem, read_signing_key
from backend.security.secret_keys import derived_key, new_secret_key
from backend.settings import Settings, SettingsError

EXAMPLE = Path(__file__).parents[2] / ".env.example"
SECRET_KEY, SIGNING_KEY = new_secret_key(), new_signing_key()
APP, OWNER = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
GIVEN = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": f"postgresql://app:{APP}@db.example.org/main",
    "DATABASE_OWNER_URL": f"postgresql://owner:{OWNER}@db.example.org/main",
    "SECRET_KEY": SECRET_KEY,
    "JWT_SIGNING_KEY": SIGNING_KEY,
    "EMAIL_VERIFICATION": "off",
}


def pem(key: Ed25519PrivateKey | RSAPrivateKey, *, password: bytes | None = None) -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def public_pem_of(key: RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def url(password: str, **more: str) -> str:
    return f"postgresql://app:{password}@db.example.org/main{more.get('query', '')}"


def refused(**changes: str) -> set[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.read(GIVEN | changes)
    for value in changes.values():
        assert len(value) < 8 or value not in str(caught.value)
    return set(caught.value.problems)


WEAK_KEYS = {
    "short": "changeme",
    "word": "secret" * 10,
    "words": "changeme" * 8,
    "31 bytes": secrets.token_hex(31),
    "twice 16 bytes": secrets.token_hex(16) * 2,
    "zeros": "00" * 32,
    "digits": "0123456789abcdef" * 4,
    "counted": bytes(range(32)).hex(),
    "counted by threes": bytes(range(0, 96, 3)).hex(),
    "few bytes": bytes(random.Random(1).choices((0, 1, 2, 4, 9, 17, 33, 70, 128, 201, 255), k=64)).hex(),
    "encoded text": base64.b64encode(b"Sphinx of black quartz, judge my vow 24680!").decode(),
    "half a placeholder": base64.b64encode(secrets.token_bytes(40)).decode()[:-12] + "CHANGEMEPLEA",
    "passphrase": "correct horse battery staple correct horse",
}
WEAK_PASSWORDS = [
    "",
    "app",
    "main",
    "postgres",
    "CHANGE-ME",
    "change_me_please",
    "MyS3cretPassw0rd-secret",
    "short-k3y",
    "aaaaaaaaaaaaaaaaaaaa",
    "abababababababababab",
    "12345678901234",
    "db.example.org",
    "%3Cyour-key-here%3E",
]


@pytest.mark.checklist(70)
def test_production_starts_on_what_is_given_and_strong() -> None:
    settings = Settings.read(GIVEN)
    assert (settings.production, settings.docs, settings.log_format) == (True, False, "json")
    without_owner = {name: value for name, value in GIVEN.items() if name != "DATABASE_OWNER_URL"}
    assert Settings.read(without_owner).database_owner_url is None


@pytest.mark.checklist(70)
def test_production_names_all_that_is_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"ENVIRONMENT": "production"})
    missing = {"DATABASE_URL", "SECRET_KEY", "JWT_SIGNING_KEY", "EMAIL_VERIFICATION"}
    assert set(caught.value.problems) == missing


@pytest.mark.checklist(22, 70)
@pytest.mark.parametrize("weak", WEAK_KEYS.values(), ids=WEAK_KEYS)
@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_PREVIOUS"])
def test_a_weak_secret_key_is_refused(name: str, weak: str) -> None:
    assert refused(**{name: weak}) == {name}


@pytest.mark.checklist(22)
def test_random_keys_are_accepted_in_every_spelling() -> None:
    for _ in range(20):
        raw = secrets.token_bytes(32)
        plain, web = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
        for text in (raw.hex(), raw.hex().upper(), plain, plain.rstrip("="), web, web.rstrip("=")):
            assert Settings.read(GIVEN | {"SECRET_KEY": text}).secret_key == raw


@pytest.mark.checklist(22, 70)
@pytest.mark.parametrize(
    "key",
    [
        "changeme",
        pem(Ed25519PrivateKey.from_private_bytes(bytes(32))),
        pem(Ed25519PrivateKey.from_private_bytes(b"k" * 32)),
        pem(Ed25519PrivateKey.generate(), password=b"x"),
        pem(generate_private_key(65_537, 2048)),
        public_pem(read_signing_key(SIGNING_KEY).public_key()),
    ],
    ids=["placeholder", "zeros", "repeated", "encrypted", "rsa", "public"],
)
def test_a_signing_key_that_is_weak_or_of_another_kind_is_refused(key: str) -> None:
    assert refused(JWT_SIGNING_KEY=key) == {"JWT_SIGNING_KEY"}


@pytest.mark.checklist(70)
@pytest.mark.parametrize("password", WEAK_PASSWORDS)
@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_OWNER_URL"])
def test_a_database_url_without_a_good_password_is_refused(name: str, password: str) -> None:
    weak = url(password).replace("app:", "app:" if name == "DATABASE_URL" else "owner:")
    assert refused(**{name: weak}) == {name}


@pytest.mark.checklist(70)
@pytest.mark.parametrize("place", ["{}:{}@db/main", "app:{}@{}/main", "app:{}@db/{}"])
def test_a_password_that_its_url_tells_anyway_is_refused(place: str) -> None:
    told = f"postgresql://{place.format('orders-Runtime-7', 'orders-runtime-7')}"
    assert refused(DATABASE_URL=told) == {"DATABASE_URL"}


@pytest.mark.checklist(22, 70)
@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"SECRET_KEY_PREVIOUS": SECRET_KEY}, {"SECRET_KEY_PREVIOUS"}),
        (
            {"SECRET_KEY_PREVIOUS": base64.b64encode(bytes.fromhex(SECRET_KEY)).decode()},
            {"SECRET_KEY_PREVIOUS"},
        ),
        ({"SECRET_KEY": read_signing_key(SIGNING_KEY).private_bytes_raw().hex()}, {"JWT_SIGNING_KEY"}),
        ({"DATABASE_URL": url(SECRET_KEY)}, {"DATABASE_URL"}),
        ({"DATABASE_URL": url(SECRET_KEY.upper())}, {"DATABASE_URL"}),
        ({"DATABASE_URL": url(OWNER)}, {"DATABASE_OWNER_URL"}),
        ({"DATABASE_URL": url("", query=f"?password={OWNER}")}, {"DATABASE_OWNER_URL"}),
    ],
    ids=["itself", "other spelling", "signing key", "password", "capitals", "owner", "owner in the query"],
)
def test_one_secret_for_two_purposes_is_refused(changes: dict[str, str], names: set[str]) -> None:
    assert refused(**changes) == names


def test_an_older_key_of_another_kind_is_refused() -> None:
    rsa = public_pem_of(generate_private_key(65_537, 2048))
    assert refused(JWT_VERIFICATION_KEYS=rsa) == {"JWT_VERIFICATION_KEYS"}


def test_the_owner_may_not_serve() -> None:
    assert refused(DATABASE_URL=f"postgresql://owner:{APP}@elsewhere.example.org/main") == {"DATABASE_URL"}


@pytest.mark.checklist(70)
def test_what_the_example_file_shows_is_no_secret() -> None:
    shown = dict(re.findall(r"^#([A-Z_]+)=(.+)$", EXAMPLE.read_text(), flags=re.MULTILINE))
    names = {"SECRET_KEY", "JWT_SIGNING_KEY", "DATABASE_URL", "DATABASE_OWNER_URL"}
    assert refused(**{name: shown[name] for name in names}) == names


@pytest.mark.checklist(70)
def test_limits_cannot_be_switched_off() -> None:
    assert refused(RATE_LIMITS="off") == {"RATE_LIMITS"}


@pytest.mark.checklist(68, 70)
def test_no_way_of_printing_shows_a_secret() -> None:
    previous = new_secret_key()
    settings = Settings.read(GIVEN | {"SECRET_KEY_PREVIOUS": previous})
    shown = f"{settings} {settings!r} {pretty_repr(settings, max_string=40)} {_printed_by_rich(settings)}"
    body = SIGNING_KEY.splitlines()[1]
    keys = [settings.secret_key, settings.secret_key_previous or b""]
    spellings = [spelling for key in keys for spelling in (key.hex(), repr(key), repr(key)[2:12])]
    for secret in (APP, OWNER, SECRET_KEY, previous, body, body[-20:], *spellings):
        assert secret not in shown
    assert "postgresql://app:***@db.example.org" in shown
    assert APP not in repr(replace(settings, database_url=f"host=db.example.org password={APP}"))


def _printed_by_rich(settings: Settings) -> str:
    out = StringIO()
    console = Console(file=out, width=400)
    console.print(settings, {"nested": [settings]})
    try:
        assert settings.port == 0
    except AssertionError as error:
        console.print(Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True))
    return out.getvalue()


def test_purposes_get_keys_of_their_own() -> None:
    settings, other = Settings.read(GIVEN), Settings.read(GIVEN | {"SECRET_KEY": new_secret_key()})
    derived = [
        derived_key(settings.secret_key, "refresh-token"),
        derived_key(settings.secret_key, "device"),
        derived_key(other.secret_key, "device"),
        settings.secret_key,
    ]
    assert len(set(derived)) == 4
    assert {len(key) for key in derived} == {32}
    assert derived_key(settings.secret_key, "device") == derived_key(settings.secret_key, "device")


def test_older_public_keys_stand_one_after_the_other() -> None:
    older = [public_pem(read_signing_key(new_signing_key()).public_key()) for _ in range(2)]
    one_line = '"' + "".join(older).replace("\n", "\\n") + '"'
    for text in ("".join(older), "\n\n".join(older), one_line):
        keys = Settings.read(GIVEN | {"JWT_VERIFICATION_KEYS": text}).jwt_verification_keys
        assert len(KeyRing(SIGNING_KEY, keys).public) == 3
