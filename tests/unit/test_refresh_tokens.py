"""Refresh tokens: the session, the generation and a MAC that nobody else can make."""

import base64
import hmac
import re
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backend.security.keyring import new_signing_key
from backend.security.secret_keys import new_secret_key
from backend.security.tokens import InvalidToken, RefreshClaim, RefreshTokens
from backend.settings import Settings

SECRET_KEY, SIGNING_KEY = new_secret_key(), new_signing_key()
SESSION = uuid4()


def refresh_tokens(secret_key: str = SECRET_KEY, previous: str = "") -> RefreshTokens:
    given = {"SECRET_KEY": secret_key, "SECRET_KEY_PREVIOUS": previous, "JWT_SIGNING_KEY": SIGNING_KEY}
    return RefreshTokens(Settings.read(given))


OURS = refresh_tokens()
TOKEN = OURS.issue(SESSION, 7)


@given(st.uuids(), st.integers(0, 2**63 - 1))
@settings(deadline=None)
def test_a_token_says_its_session_and_generation(session: UUID, generation: int) -> None:
    token = OURS.issue(session, generation)
    assert OURS.read(token) == RefreshClaim(session, generation)
    assert re.fullmatch(r"lsr1_[A-Za-z0-9_-]{75}", token)
    assert token == OURS.issue(session, generation)


@pytest.mark.checklist(31)
def test_the_mac_is_hmac_under_a_key_of_this_purpose() -> None:
    """What an older release has issued stays readable only as long as every part of this stays as it is."""
    extracted = hmac.digest(bytes(32), bytes.fromhex(SECRET_KEY), "sha256")
    key = hmac.digest(extracted, b"lodestar/refresh-token\x01", "sha256")
    body = SESSION.bytes + (7).to_bytes(8)
    mac = hmac.digest(key, b"lsr1_" + body, "sha256")
    assert "lsr1_" + base64.urlsafe_b64encode(body + mac).decode().rstrip("=") == TOKEN


@pytest.mark.checklist(31)
@given(st.data())
@settings(deadline=None, max_examples=200)
def test_no_character_can_be_changed(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(TOKEN) - 1))
    other = data.draw(
        st.sampled_from("ABCDEFGHabcdefgh0123-_=+/. ").filter(lambda character: character != TOKEN[place])
    )
    with pytest.raises(InvalidToken):
        OURS.read(TOKEN[:place] + other + TOKEN[place + 1 :])


@pytest.mark.checklist(31)
def test_a_token_has_one_spelling() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [TOKEN[:-1] + last for last in alphabet if last != TOKEN[-1]]
    others += [TOKEN + more for more in ("=", "A", "\n", " ", ".")]
    others += [
        " " + TOKEN,
        TOKEN[5:],
        TOKEN.upper(),
        TOKEN.replace("lsr1_", "lsr2_"),
        TOKEN[:20] + "\n" + TOKEN[20:],
    ]
    for other in others:
        with pytest.raises(InvalidToken):
            OURS.read(other)


@pytest.mark.checklist(28, 31)
@given(st.text() | st.from_regex(r"lsr1_[A-Za-z0-9_-]{75}", fullmatch=True))
@example("")
@example("lsr1_")
@example("lsr1_" + "A" * 10**6)
@example("\ud800" * 80)
@settings(deadline=None)
def test_any_string_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        OURS.read(text)


@pytest.mark.checklist(31)
def test_whoever_knows_the_session_and_the_generation_cannot_make_one() -> None:
    forged = refresh_tokens(new_secret_key()).issue(SESSION, 7)
    with pytest.raises(InvalidToken):
        OURS.read(forged)


@pytest.mark.checklist(31)
def test_the_previous_secret_verifies_and_never_signs() -> None:
    rotated = refresh_tokens(new_secret_key(), previous=SECRET_KEY)
    assert rotated.read(TOKEN) == RefreshClaim(SESSION, 7)
    with pytest.raises(InvalidToken):
        OURS.read(rotated.issue(SESSION, 7))
