"""What is read, from where, in which ranges; what production refuses is in `test_settings_production.py`."""

import re
import stat
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from backend.configuration.cpus import available_cpus
from backend.configuration.sources import FILE_VARIANTS
from backend.security.keyring import new_signing_key
from backend.security.secret_keys import kept, new_secret_key
from backend.settings import Settings, SettingsError

SECRET_KEY, SIGNING_KEY = new_secret_key(), new_signing_key()
GIVEN = {"SECRET_KEY": SECRET_KEY, "JWT_SIGNING_KEY": SIGNING_KEY}
EXAMPLE = Path(__file__).parents[2] / ".env.example"
DAY = 86_400

OUT_OF_RANGE = {
    "PORT": ["-1", "65536", "http", "80.5"],
    "HOST": ["a..b", "x" * 64 + ".example.org", "1\n2", "\udcff"],
    "JWT_ISSUER": ["x" * 256, "\udcff\udcfe", "a\nb"],
    "JWT_AUDIENCE": ["\udcff"],
    "WORKERS": ["0", "-2"],
    "DATABASE_TLS": ["prefer", "allow", "disable", "on"],
    "DATABASE_POOLER": ["session"],
    "POOL_MIN_SIZE": ["-1", "9"],
    "POOL_MAX_SIZE": ["0"],
    "POOL_MAX_WAITING": ["0"],
    "POOL_TIMEOUT": ["0", "-3", "nan", "inf"],
    "STATEMENT_TIMEOUT": ["0", "1e999"],
    "REQUEST_TIMEOUT": ["0", "forever"],
    "SHUTDOWN_TIMEOUT": ["0"],
    "DRAIN_SECONDS": ["-1"],
    "ACCESS_TOKEN_SECONDS": ["0", str(DAY + 1), "10m"],
    "REFRESH_TOKEN_SECONDS": ["0"],
    "SESSION_MAX_SECONDS": ["-1"],
    "REFRESH_GRACE_SECONDS": ["-1", "301"],
    "PASSWORD_MIN_LENGTH": ["7", "65"],
    "ARGON2_TIME_COST": ["1"],
    "ARGON2_MEMORY_KIB": ["19455"],
    "ARGON2_PARALLELISM": ["0"],
    "HASH_WORKERS": ["0"],
    "HASH_QUEUE": ["-1"],
    "SIGNUP": ["yes"],
    "EMAIL_VERIFICATION": ["required", "on"],
    "TRUSTED_PROXIES": ["-1", "all"],
    "RATE_LIMITS": ["perhaps"],
    "CORS_ORIGINS": [
        "*",
        "null",
        "https://*.example.org",
        "https://a.example/path",
        "https://a.example/",
        "a.example",
    ],
    "DOCS": ["perhaps"],
    "LOG_LEVEL": ["LOUD"],
    "LOG_FORMAT": ["xml"],
    "DATABASE_URL": [
        "mysql://u:p@h/d",
        "postgresql://h/d",
        "postgresql://u@h",
        "postgresql://u@h/d?sslmode=maybe",
    ],
    "SECRET_KEY": ["tooshort", "no base64!"],
    "JWT_SIGNING_KEY": ["junk"],
    "JWT_VERIFICATION_KEYS": ["junk", "-----BEGIN PRIVATE KEY-----"],
}


def refusal(**given: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        Settings.read(GIVEN | given)
    return caught.value


def example() -> dict[str, str]:
    return dict(re.findall(r"^#([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(), flags=re.MULTILINE))


def test_the_example_names_every_setting_in_the_order_of_the_table() -> None:
    assert sorted(example()) == sorted(name.upper() for name in Settings.__struct_fields__)


def test_the_example_shows_the_defaults() -> None:
    shown = {name: value for name, value in example().items() if name not in FILE_VARIANTS}
    assert Settings.read(GIVEN | shown) == Settings.read(GIVEN)


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = Settings.read(GIVEN)
    assert (settings.environment, settings.host, settings.port) == ("development", "127.0.0.1", 8000)
    assert (settings.database_url, settings.database_tls, settings.database_pooler) == (
        None,
        "verify-full",
        "off",
    )
    assert (settings.access_token_seconds, settings.refresh_token_seconds) == (600, 14 * DAY)
    assert (settings.session_max_seconds, settings.refresh_grace_seconds) == (90 * DAY, 10)
    assert (settings.password_min_length, settings.rate_limits, settings.cors_origins) == (15, True, ())
    assert settings.workers == available_cpus()
    assert settings.secret_key == bytes.fromhex(SECRET_KEY)


@pytest.mark.checklist(7, 70, 73)
@pytest.mark.parametrize(("name", "value"), [(name, value) for name in OUT_OF_RANGE for value in OUT_OF_RANGE[name]])
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    assert list(refusal(**{name: value}).problems) == [name]


@pytest.mark.checklist(70)
def test_a_misspelt_environment_is_judged_as_production() -> None:
    missing = {"ENVIRONMENT", "DATABASE_URL", "EMAIL_VERIFICATION"}
    assert set(refusal(ENVIRONMENT="Production").problems) == set(refusal(ENVIRONMENT="prod").problems) == missing


@pytest.mark.checklist(70)
def test_everything_wrong_is_named_in_one_line_that_shows_no_value() -> None:
    free = {"HOST", "DATA_DIR", "JWT_ISSUER", "JWT_AUDIENCE"}
    names = {name.upper() for name in Settings.__struct_fields__} - free
    error = refusal(**dict.fromkeys(names, "canary://c4nary:c4nary@c4nary/%c4"))
    assert set(error.problems) == names
    assert all(name in str(error) for name in names)
    assert "\n" not in str(error)
    assert "c4" not in "".join(traceback.format_exception(error))


def test_an_owner_without_a_runtime_role_is_refused() -> None:
    assert list(refusal(DATABASE_OWNER_URL="postgresql://owner:x@localhost/d").problems) == ["DATABASE_OWNER_URL"]


def test_a_variable_set_to_nothing_is_not_set() -> None:
    nothing = dict.fromkeys((name.upper() for name in Settings.__struct_fields__), " ")
    assert Settings.read(nothing | GIVEN) == Settings.read(GIVEN)


def test_origins_are_a_list() -> None:
    given = GIVEN | {"CORS_ORIGINS": "https://App.example.org, http://localhost:5173,https://[2001:db8::1]:8443,"}
    assert Settings.read(given).cors_origins == (
        "https://app.example.org",
        "http://localhost:5173",
        "https://[2001:db8::1]:8443",
    )


@pytest.mark.checklist(70)
def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET_KEY}\n")
    (tmp_path / "key").write_text(SIGNING_KEY)
    files = {"SECRET_KEY_FILE": str(tmp_path / "secret"), "JWT_SIGNING_KEY_FILE": str(tmp_path / "key")}
    assert Settings.read(files) == Settings.read(GIVEN)


@pytest.mark.checklist(70)
@pytest.mark.parametrize("name", FILE_VARIANTS)
def test_a_file_that_is_missing_empty_binary_or_given_twice_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    others = {other: value for other, value in GIVEN.items() if other != name}
    for case in ("missing", "empty", "binary"):
        with pytest.raises(SettingsError) as caught:
            Settings.read(others | {f"{name}_FILE": str(tmp_path / case)})
        assert set(caught.value.problems) == {name}
        assert str(tmp_path) not in str(caught.value)
    (tmp_path / "good").write_text("x")
    twice = refusal(**{name: "x", f"{name}_FILE": str(tmp_path / "good")})
    assert twice.problems == {name: ["given together with its _FILE variant"]}
    with pytest.raises(SettingsError) as caught:
        Settings.read({"ENVIRONMENT": "production", "EMAIL_VERIFICATION": "off", "SECRET_KEY_FILE": "/missing"})
    assert caught.value.problems["SECRET_KEY"] == ["its _FILE variant cannot be read"]


def test_the_dotenv_file_is_read_in_development_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*GIVEN, "ENVIRONMENT", "PORT", "HOST", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"SECRET_KEY={SECRET_KEY}\nPORT=8001\nHOST=127.0.0.2\n")
    monkeypatch.setenv("PORT", "8002")
    settings = Settings.read()
    assert (settings.secret_key.hex(), settings.port, settings.host) == (SECRET_KEY, 8002, "127.0.0.2")
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    assert "SECRET_KEY" in caught.value.problems
    monkeypatch.delenv("ENVIRONMENT")
    dotenv.write_text("ENVIRONMENT=production\n")
    with pytest.raises(SettingsError, match=r"ENVIRONMENT \(given in \.env"):
        Settings.read()
    dotenv.write_bytes(b"HOST=\xff\n")
    with pytest.raises(SettingsError, match=r"\.env \(cannot be read\)"):
        Settings.read()


def test_development_makes_its_keys_once_and_keeps_them_to_itself(tmp_path: Path) -> None:
    folder = tmp_path / "below" / "data"
    first, second = (Settings.read({"DATA_DIR": str(folder)}) for _ in range(2))
    assert first == second
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "secret_key": 0o600,
        "jwt_signing_key.pem": 0o600,
    }


def test_processes_that_start_at_once_agree_on_a_key(tmp_path: Path) -> None:
    start = Barrier(8)

    def begin(number: int) -> str:
        start.wait()
        return kept(tmp_path / "data" / "key", f"key {number} " * 1000)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(begin, range(8)))
    assert len(found) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["key"]


def test_keys_that_were_damaged_or_cannot_be_kept_are_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(SettingsError, match=r"DATA_DIR \(holds a damaged secret_key; delete it\)"):
        Settings.read({"DATA_DIR": str(tmp_path)})
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="DATA_DIR"):
        Settings.read({"DATA_DIR": str(tmp_path / "file")})


def test_reading_leaves_nothing_behind_when_it_refuses_or_has_its_keys(tmp_path: Path) -> None:
    folder = {"DATA_DIR": str(tmp_path / "data")}
    Settings.read(GIVEN | folder)
    with pytest.raises(SettingsError):
        Settings.read(folder | {"PORT": "x"})
    assert not (tmp_path / "data").exists()
