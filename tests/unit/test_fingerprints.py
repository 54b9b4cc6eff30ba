"""Who is at the other end: addresses behind proxies, prefixes for throttling, and devices."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.headers import by_name
from backend.security.fingerprints import UNKNOWN_ADDRESS, Fingerprints, client_address, throttle_prefix
from backend.security.keyring import new_signing_key
from backend.security.secret_keys import new_secret_key
from backend.settings import Settings

SECRET_KEY, SIGNING_KEY = new_secret_key(), new_signing_key()
PEER = "192.0.2.1"


def scope(*forwarded: str, peer: str | None = PEER, name: bytes = b"x-forwarded-for") -> dict[str, Any]:
    headers = by_name([(b"host", b"x"), *((name, line.encode("latin-1")) for line in forwarded)])
    return {"type": "http", "state": {"headers": headers}, "client": None if peer is None else (peer, 4711)}


@pytest.mark.checklist(18)
def test_without_proxies_only_the_connection_counts() -> None:
    assert client_address(scope("198.51.100.1", "198.51.100.2, 198.51.100.3"), 0) == PEER


@pytest.mark.checklist(18)
@pytest.mark.parametrize(
    "forged", ["1.1.1.1", "1.1.1.1, 2.2.2.2, 3.3.3.3", "127.0.0.1,,,", "unknown", ", ,", '"', "[::1"]
)
def test_what_a_client_writes_left_of_our_proxies_is_ignored(forged: str) -> None:
    assert client_address(scope(f"{forged}, 203.0.113.9"), 1) == "203.0.113.9"
    assert client_address(scope(forged, "203.0.113.9"), 1) == "203.0.113.9"
    assert client_address(scope(f"{forged}, 203.0.113.9", "10.0.0.1"), 2) == "203.0.113.9"
    assert client_address(scope(f"{forged}, 203.0.113.9, 10.0.0.2, 10.0.0.1"), 3) == "203.0.113.9"


@pytest.mark.checklist(18)
def test_the_forwarded_header_is_ignored() -> None:
    assert client_address(scope("for=203.0.113.9", name=b"forwarded"), 1) == PEER


@pytest.mark.checklist(18)
def test_with_too_few_or_malformed_entries_the_next_to_the_right_counts() -> None:
    assert client_address(scope(), 2) == PEER
    assert client_address(scope(""), 2) == PEER
    assert client_address(scope("203.0.113.9"), 2) == "203.0.113.9"
    assert client_address(scope("203.0.113.9, unknown, 10.0.0.1"), 2) == "10.0.0.1"
    assert client_address(scope("203.0.113.9, nonsense"), 1) == PEER
    assert client_address(scope(f"203.0.113.9, ::1%{'x' * 100}"), 1) == PEER, "a scope is a name of any length"


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        (" 203.0.113.9 ", "203.0.113.9"),
        ("203.0.113.9:8080", "203.0.113.9"),
        ("2001:DB8:0:0::0009", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("[2001:db8::9]:8080", "2001:db8::9"),
        ("[fe80::1%eth0]:1", "fe80::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:cb00:7109]:80", "203.0.113.9"),
        ("203.0.113.009", PEER),
        ("203.0.113", PEER),
        ("3405803785", PEER),
        ("_hidden", PEER),
        ("\xb2.0.0.1", PEER),
    ],
)
def test_an_address_has_one_spelling(entry: str, address: str) -> None:
    assert client_address(scope(entry), 1) == address


def test_a_peer_without_an_address_is_the_unknown_one() -> None:
    assert client_address(scope(peer=None), 0) == UNKNOWN_ADDRESS
    assert client_address(scope(peer="testclient"), 0) == UNKNOWN_ADDRESS
    assert client_address(scope(peer=""), 1) == UNKNOWN_ADDRESS
    assert client_address({}, 0) == UNKNOWN_ADDRESS


@given(st.lists(st.text(st.characters(max_codepoint=255)), max_size=3), st.integers(0, 4))
@settings(deadline=None)
def test_any_header_gives_an_address(lines: list[str], proxies: int) -> None:
    address = client_address(scope(*lines), proxies)
    assert throttle_prefix(address)
    if not proxies:
        assert address == PEER


@pytest.mark.checklist(16)
def test_one_customer_is_throttled_as_one() -> None:
    assert throttle_prefix("203.0.113.9") == "203.0.113.9" != throttle_prefix("203.0.113.10")
    assert throttle_prefix("2001:db8:1:2:3:4:5:6") == throttle_prefix("2001:db8:1:2::") == "2001:db8:1:2::/64"
    assert throttle_prefix("2001:db8:1:3::") != "2001:db8:1:2::/64"
    assert throttle_prefix("::ffff:203.0.113.9") == "203.0.113.9"
    assert throttle_prefix("nonsense") == throttle_prefix("") == throttle_prefix(UNKNOWN_ADDRESS) == UNKNOWN_ADDRESS


def fingerprints(secret_key: str = SECRET_KEY, previous: str = "") -> Fingerprints:
    given = {"SECRET_KEY": secret_key, "SECRET_KEY_PREVIOUS": previous, "JWT_SIGNING_KEY": SIGNING_KEY}
    return Fingerprints(Settings.read(given))


def test_a_device_is_recognised_by_all_it_says_and_not_by_less() -> None:
    ours = fingerprints()
    digest = ours.candidates("curl/8", "laptop")[0]
    assert digest == fingerprints().candidates("curl/8", "laptop")[0]
    assert len(digest) == 32
    others = [
        ("curl/8",),
        ("curl/8", ""),
        ("curl/8l", "aptop"),
        ("laptop", "curl/8"),
        ("curl/8 ", "laptop"),
        ("Curl/8", "laptop"),
    ]
    assert len({digest, *(ours.candidates(*other)[0] for other in others)}) == len(others) + 1


@pytest.mark.checklist(75)
def test_the_digest_is_keyed() -> None:
    other = new_secret_key()
    assert fingerprints().candidates("curl/8")[0] != fingerprints(other).candidates("curl/8")[0]
    known = fingerprints(other, previous=SECRET_KEY).candidates("curl/8")
    assert known == [fingerprints(other).candidates("curl/8")[0], fingerprints().candidates("curl/8")[0]]


def test_a_description_is_bounded_and_may_hold_anything() -> None:
    ours = fingerprints()
    assert ours.candidates("x" * 1024)[0] == ours.candidates("x" * 1025)[0] == ours.candidates("x" * 10**6)[0]
    assert ours.candidates("x" * 1023)[0] != ours.candidates("x" * 1024)[0]
    assert len(ours.candidates("\ud800\x00é", "")[0]) == 32
