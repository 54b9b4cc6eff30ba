"""Access tokens: what is signed, and all that is refused before anybody is believed to be somebody."""

import base64
import hashlib
import hmac
import json
from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.contracts.login import Refresh
from backend.documentation.examples import EXAMPLES
from backend.security import tokens
from backend.security.keyring import KeyRing, new_signing_key, public_pem, read_signing_key, thumbprint
from backend.security.secret_keys import new_secret_key
from backend.security.tokens import AccessTokens, InvalidToken, Principal, RefreshTokens
from backend.settings import Settings

SIGNING_KEY, OTHER_KEY = new_signing_key(), new_signing_key()
SETTINGS = Settings.read({"SECRET_KEY": new_secret_key(), "JWT_SIGNING_KEY": SIGNING_KEY})
ADA, SESSION = uuid4(), uuid4()
KID = KeyRing(SIGNING_KEY, ()).kid
HEADER = {"alg": "EdDSA", "typ": "at+jwt", "kid": KID}
NOW = 1_800_000_000
GONE: Any = object()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """What the module takes for the time."""
    clock = Mock(return_value=NOW)
    monkeypatch.setattr(tokens, "time", clock)
    return clock


@pytest.fixture
def access() -> AccessTokens:
    return AccessTokens(SETTINGS)


def claims(**changes: Any) -> dict[str, Any]:
    made = {
        "iss": "lodestar",
        "aud": "lodestar-api",
        "sub": str(ADA),
        "sid": str(SESSION),
        "jti": "x",
        "iat": NOW,
        "exp": NOW + 600,
        "adm": False,
    }
    return without_gone(made | changes)


def without_gone(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not GONE}


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Any, payload: Any, key: str = SIGNING_KEY) -> str:
    """A token that is malformed in any way one likes and carries a right signature all the same."""
    body = f"{encoded(header)}.{encoded(payload)}"
    return f"{body}.{encoded(read_signing_key(key).sign(body.encode()))}"


def refused(access: AccessTokens, token: str) -> bool:
    with pytest.raises(InvalidToken):
        access.verify(token)
    return True


@pytest.mark.checklist(26)
def test_a_token_says_who_calls_and_nothing_personal(access: AccessTokens) -> None:
    token = access.issue(ADA, SESSION, admin=True)
    principal = access.verify(token)
    assert principal == Principal(ADA, SESSION, True, principal.expires_at)
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    assert header == HEADER
    assert set(payload) == {"iss", "aud", "sub", "sid", "jti", "iat", "exp", "adm"}
    assert (payload["iss"], payload["aud"]) == ("lodestar", "lodestar-api")
    assert (UUID(payload["sub"]), UUID(payload["sid"]), payload["adm"]) == (ADA, SESSION, True)
    assert payload["exp"] - payload["iat"] == 600
    assert access.issue(ADA, SESSION, admin=True) != token


def test_a_client_can_verify_it_with_the_published_keys(access: AccessTokens) -> None:
    key = jwt.PyJWKSet.from_json(access.jwks().decode())[KID]
    token = access.issue(ADA, SESSION, admin=False)
    untimed: Any = {"verify_exp": False, "verify_iat": False}
    read = jwt.decode(token, key, ["EdDSA"], untimed, audience="lodestar-api", issuer="lodestar")
    assert read["sub"] == str(ADA)


@pytest.mark.checklist(24)
@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/at+JWT"])
def test_the_type_is_that_of_rfc_9068(access: AccessTokens, typ: str) -> None:
    assert access.verify(signed(HEADER | {"typ": typ}, claims())).user_id == ADA


@pytest.mark.checklist(21, 24)
@pytest.mark.parametrize(
    "changes",
    [
        *({"typ": typ} for typ in ("JWT", "jwt", "rt+jwt", "at+jwt ", "text/at+jwt", "", None, 1, GONE)),
        *({"alg": alg} for alg in ("none", "None", "HS256", "RS256", "ES256", "Ed25519", "eddsa", "", None, GONE)),
        *({"kid": kid} for kid in ("unknown", "", KID[:-1], "../../dev/null", 1, None, [KID], GONE)),
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"jwk": {"kty": "OKP"}},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF"},
    ],
)
def test_a_header_of_another_kind_is_refused(access: AccessTokens, changes: dict[str, Any]) -> None:
    assert refused(access, signed(without_gone(HEADER | changes), claims()))


@pytest.mark.checklist(21)
def test_the_algorithm_comes_from_our_ring_and_not_from_the_header(access: AccessTokens) -> None:
    public = read_signing_key(SIGNING_KEY).public_key()
    for secret in (public_pem(public).encode(), public.public_bytes_raw(), KID.encode(), b""):
        body = f"{encoded(HEADER | {'alg': 'HS256'})}.{encoded(claims())}"
        assert refused(access, f"{body}.{encoded(hmac.digest(secret, body.encode(), hashlib.sha256))}")
        assert refused(access, f"{body}.{encoded(hmac.digest(secret, body.encode(), hashlib.sha512))}")
    assert refused(access, f"{encoded(HEADER | {'alg': 'none'})}.{encoded(claims())}.")
    assert refused(access, f"{encoded(HEADER)}.{encoded(claims())}.")
    rsa = generate_private_key(65_537, 2048)
    assert refused(access, jwt.encode(claims(), rsa, "RS256", HEADER | {"alg": "RS256"}))


@pytest.mark.checklist(21)
def test_a_key_that_is_not_in_the_ring_signs_nothing(access: AccessTokens) -> None:
    assert refused(access, signed(HEADER, claims(), OTHER_KEY))
    assert refused(access, signed(HEADER | {"kid": KeyRing(OTHER_KEY, ()).kid}, claims(), OTHER_KEY))


@pytest.mark.checklist(23, 25, 26)
@pytest.mark.parametrize(
    "changes",
    [
        *({name: GONE} for name in claims()),
        *({name: None} for name in claims()),
        *({"iss": iss} for iss in ("", "Lodestar", "lodestar ", ["lodestar"])),
        *({"aud": aud} for aud in ("", "other", ["lodestar-api"], ["lodestar-api", "other"], "lodestar")),
        *({name: value} for name in ("sub", "sid") for value in ("", "ada@example.org", 1, ["x"], str(ADA) + "0")),
        *({"jti": jti} for jti in ("", 7)),
        *({"iat": iat} for iat in (str(NOW), float(NOW), True, NOW + 31, -NOW, 10**400)),
        *({"exp": exp} for exp in (str(NOW + 60), NOW + 60.0, True, NOW, NOW - 1, NOW + 601, 10**400, 1e300)),
        *({"adm": adm} for adm in (0, 1, "true", "false", [True])),
        *({"nbf": nbf} for nbf in (NOW + 3600, str(NOW), 1.5, True, None)),
        {"iat": NOW - 1200, "exp": NOW - 600},
        {"iat": NOW - 10, "exp": NOW + 591},
        {"iat": NOW + 20, "exp": NOW + 10},
        {"iat": NOW, "exp": NOW + 365 * 86_400},
    ],
)
def test_claims_of_another_kind_are_refused(access: AccessTokens, changes: dict[str, Any]) -> None:
    assert refused(access, signed(HEADER, claims(**changes)))


@pytest.mark.checklist(25)
def test_a_clock_that_runs_ahead_a_little_is_forgiven(access: AccessTokens) -> None:
    for ahead in (0, 30):
        assert access.verify(signed(HEADER, claims(iat=NOW + ahead))).user_id == ADA
    assert access.verify(signed(HEADER, claims(nbf=NOW))).user_id == ADA
    assert refused(access, signed(HEADER, claims(nbf=NOW + 1)))


@pytest.mark.checklist(24)
def test_no_other_token_of_ours_is_an_access_token(access: AccessTokens) -> None:
    refresh = RefreshTokens(SETTINGS).issue(SESSION, 1)
    assert refused(access, refresh)
    assert refused(access, f"{refresh}.{refresh}.{refresh}")


@pytest.mark.checklist(28)
def test_a_token_that_is_too_long_is_not_even_decoded(access: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = Mock(wraps=tokens._decoded)
    monkeypatch.setattr(tokens, "_decoded", decode)
    pad = "x" * (4096 - len(signed(HEADER, claims(pad="x" * 2400))))
    longest = signed(HEADER, claims(pad="x" * (2400 + len(pad) * 3 // 4)))
    assert 4090 < len(longest) <= 4096
    assert access.verify(longest).user_id == ADA
    decode.reset_mock()
    assert refused(access, signed(HEADER, claims(pad="x" * 3000)))
    decode.assert_not_called()


@pytest.mark.checklist(28)
@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"alg": "\xff"}',
        b"[" * 1200,
        b'{"x":' * 400,
        b"9" * 1500,
        b'{"iat": 1e99999}',
    ],
    ids=lambda part: repr(part)[:16],
)
def test_what_does_not_parse_is_refused_with_a_right_signature_too(access: AccessTokens, part: bytes) -> None:
    assert refused(access, signed(part, claims()))
    assert refused(access, signed(HEADER, part))


@pytest.mark.checklist(28)
@given(
    st.one_of(
        st.text(),
        st.from_regex(r"[A-Za-z0-9_=.+/-]{0,80}\.[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{86}", fullmatch=True),
    )
)
@settings(deadline=None, max_examples=200)
def test_any_string_is_a_token_or_is_refused(text: str) -> None:
    assert refused(AccessTokens(SETTINGS), text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.checklist(28)
@given(
    st.dictionaries(st.sampled_from([*HEADER, "crit", "jwk"]), JSON),
    st.dictionaries(st.sampled_from([*claims(), "nbf"]), JSON),
)
@settings(deadline=None, max_examples=200)
def test_a_right_signature_over_any_json_gives_a_principal_or_is_refused(header: Any, changes: Any) -> None:
    access = AccessTokens(SETTINGS)
    try:
        principal = access.verify(signed(HEADER | header, claims(**changes)))
    except InvalidToken:
        return
    assert isinstance(principal, Principal)


@pytest.mark.checklist(21, 28)
@given(st.data())
@settings(deadline=None, max_examples=100)
def test_no_character_of_a_token_can_be_changed(data: st.DataObject) -> None:
    access = AccessTokens(SETTINGS)
    token = signed(HEADER, claims())
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCDxyz0123-_.=").filter(lambda character: character != token[place]))
    assert refused(access, token[:place] + other + token[place + 1 :])


def count_verifications(access: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> Mock:
    decode = Mock(wraps=access._jws.decode)
    monkeypatch.setattr(access._jws, "decode", decode)
    return decode


def test_a_signature_is_verified_once(access: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, token = count_verifications(access, monkeypatch), access.issue(ADA, SESSION, admin=False)
    assert access.verify(token) is access.verify(token)
    assert decode.call_count == 1


def test_what_was_refused_is_not_remembered(access: AccessTokens) -> None:
    token = signed(HEADER, claims(), OTHER_KEY)
    assert refused(access, token)
    assert refused(access, token)
    assert not access._verified


@pytest.mark.checklist(25)
def test_a_remembered_token_expires_all_the_same(access: AccessTokens, clock: Mock) -> None:
    token = access.issue(ADA, SESSION, admin=False)
    expires_at = access.verify(token).expires_at
    clock.return_value = expires_at - 0.001
    assert access.verify(token).user_id == ADA
    clock.return_value = expires_at
    assert refused(access, token)
    assert not access._verified
    assert refused(access, token)


def test_the_memory_is_bounded_and_forgets_the_oldest(access: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED_TOKENS", 3)
    issued = [access.issue(ADA, SESSION, admin=False) for _ in range(5)]
    for token in issued:
        access.verify(token)
    assert list(access._verified) == issued[2:]


@pytest.mark.checklist(30)
def test_a_rotated_key_verifies_until_it_is_removed(access: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    old_public = public_pem(read_signing_key(SIGNING_KEY).public_key())
    decode, old = count_verifications(access, monkeypatch), access.issue(ADA, SESSION, admin=False)
    access.verify(old)
    access.rotate(OTHER_KEY, [old_public])
    new = access.issue(ADA, SESSION, admin=False)
    assert jwt.get_unverified_header(new)["kid"] == KeyRing(OTHER_KEY, ()).kid != KID
    assert access.verify(new).user_id == access.verify(old).user_id == ADA
    assert decode.call_count == 3
    access.rotate(OTHER_KEY, [])
    assert refused(access, old)
    assert access.verify(new).user_id == ADA


@pytest.mark.checklist(30)
def test_a_malformed_key_changes_nothing(access: AccessTokens) -> None:
    token = access.issue(ADA, SESSION, admin=False)
    for signing, verification in (("junk", []), (OTHER_KEY, ["junk"])):
        with pytest.raises(ValueError, match="PEM"):
            access.rotate(signing, verification)
    assert access.verify(token).user_id == ADA
    assert [key["kid"] for key in json.loads(access.jwks())["keys"]] == [KID]


def test_the_published_keys_are_those_of_rfc_8037() -> None:
    key = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="))
    assert thumbprint(key.public_key()) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    ring = KeyRing(SIGNING_KEY, [public_pem(key.public_key()), public_pem(read_signing_key(SIGNING_KEY).public_key())])
    assert ring.jwks()["keys"][1:] == [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "use": "sig",
            "alg": "EdDSA",
        }
    ]


def test_the_refresh_token_of_the_documentation_looks_like_one() -> None:
    example: Any = EXAMPLES[Refresh]
    assert tokens._REFRESH_TOKEN.fullmatch(example.refresh_token)
