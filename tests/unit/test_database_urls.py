"""TLS towards PostgreSQL: where it is demanded, and what a URL may say about it."""

import traceback

import pytest
from psycopg.conninfo import conninfo_to_dict

from backend.security.keyring import new_signing_key
from backend.security.secret_keys import new_secret_key
from backend.settings import Settings, SettingsError, conninfo

GIVEN = {"SECRET_KEY": new_secret_key(), "JWT_SIGNING_KEY": new_signing_key()}
FAR = [
    "db.example.org",
    "10.0.0.7",
    "[2001:db8::7]",
    "localhost.example.org",
    "127.0.0.1,db.example.org",
    "",
]
NEAR = ["localhost", "127.0.0.1", "127.8.9.10", "[::1]", "%2Frun%2Fpostgresql", "localhost,127.0.0.1"]


def sslmode(host: str, tls: str = "", query: str = "") -> str | None:
    url = f"postgresql://app:pw@{host}/main{query}"
    settings = Settings.read(GIVEN | {"DATABASE_TLS": tls, "DATABASE_URL": url})
    found = conninfo_to_dict(conninfo(url, settings)).get("sslmode")
    return None if found is None else str(found)


@pytest.mark.checklist(73)
@pytest.mark.parametrize("host", FAR)
def test_outside_localhost_the_server_has_to_prove_its_name(host: str) -> None:
    assert sslmode(host) == "verify-full"
    assert sslmode(host, "require") == "require"
    assert sslmode(host, "off") == "disable"


@pytest.mark.checklist(73)
def test_an_address_that_is_far_is_not_hidden_by_a_host_that_is_near() -> None:
    assert sslmode("localhost", query="?hostaddr=10.0.0.7") == "verify-full"


@pytest.mark.parametrize("host", NEAR)
def test_on_localhost_the_url_decides(host: str) -> None:
    assert sslmode(host) is None
    assert sslmode(host, query="?sslmode=disable") == "disable"


@pytest.mark.checklist(73)
@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize(
    ("tls", "mode"),
    [("", mode) for mode in ("disable", "allow", "prefer", "require", "verify-ca")]
    + [("verify-ca", "require"), ("require", "prefer")],
)
def test_a_url_cannot_weaken_tls(environment: str, tls: str, mode: str) -> None:
    url = f"postgresql://app:6Jt0-pK2vL9_wXe4@db.example.org/main?sslmode={mode}"
    given = GIVEN | {"ENVIRONMENT": environment, "EMAIL_VERIFICATION": "off", "DATABASE_URL": url}
    with pytest.raises(SettingsError) as caught:
        Settings.read(given | {"DATABASE_TLS": tls})
    assert caught.value.problems == {"DATABASE_URL": ["has an sslmode that is weaker than DATABASE_TLS"]}


def test_a_url_may_ask_for_more_and_for_its_own_time_out() -> None:
    assert sslmode("db.example.org", "require", "?sslmode=verify-full") == "verify-full"
    assert sslmode("db.example.org", "off", "?sslmode=require") == "require"
    settings = Settings.read(GIVEN)
    parts = conninfo_to_dict(conninfo("postgresql://a:b@h/d?connect_timeout=9&application_name=me", settings))
    assert (parts["connect_timeout"], parts["application_name"]) == ("9", "me")
    parts = conninfo_to_dict(conninfo("postgresql://a:p%40%20w@h/d", settings))
    assert (parts["connect_timeout"], parts["application_name"], parts["password"]) == (
        "5",
        "lodestar",
        "p@ w",
    )


def test_no_kerberos_ticket_takes_the_place_of_tls() -> None:
    parts = conninfo_to_dict(conninfo("postgresql://a:b@db.example.org/d", Settings.read(GIVEN)))
    assert parts["gssencmode"] == "disable"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://a:b@a..b/d", "names a host that cannot be one"),
        (f"postgresql://a:b@{'x' * 64}.example.org/d", "names a host that cannot be one"),
        ("postgresql://a:b@h,a..b/d", "names a host that cannot be one"),
        ("postgresql://a:b@h/d?hostaddr=1%0A2", "names a host that cannot be one"),
        ("postgresql://a:b@h/d?connect_timeout=abc", "has a connect_timeout that is no number"),
        ("postgresql://a:b@h:1,h:x/d", "has a port that is no number"),
    ],
)
def test_a_url_that_can_lead_nowhere_is_refused_before_anybody_connects(url: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read(GIVEN | {"DATABASE_URL": url, "DATABASE_OWNER_URL": url.replace("a:b", "o:b")})
    assert caught.value.problems == {"DATABASE_URL": [reason], "DATABASE_OWNER_URL": [reason]}


@pytest.mark.parametrize("url", ["postgresql://a:c4nary%zz@h/d", "postgresql://a:c4nary@h/d?c4nary=1", "host=c4nary"])
def test_a_malformed_url_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read(GIVEN | {"DATABASE_URL": url})
    assert "c4nary" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ValueError, match=r"^not a postgresql:// URL$") as refused:
        conninfo(url, Settings.read(GIVEN))
    assert "c4nary" not in "".join(traceback.format_exception(refused.value))
