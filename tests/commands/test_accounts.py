"""`backend users` and `backend sessions`: what they change, and the one line that they say."""

import asyncio

import psycopg
import pytest

from backend.database.migrate import migrate
from backend.security.passwords import Passwords, Verdict
from tests.commands.typed import done, refused
from tests.people import PASSWORD, new_email
from tests.places import Place

ACCOUNT = "SELECT full_name, is_active, is_admin FROM users WHERE email = %s"
EVENTS = """
SELECT event FROM audit_events e JOIN users u ON u.id = e.user_id WHERE u.email = %s AND actor_id IS NULL ORDER BY e.id
"""
LOGGED_IN = """
INSERT INTO sessions (user_id, ip_address, network, fingerprint, is_new_device, idle_until, expires_at)
SELECT id, '2001:db8::1', '2001:db8::/64', '', false, now() + interval '1 day', now() + interval '1 day'
FROM   users
WHERE  email = %s
"""
OPEN = "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE ended_at IS NULL AND u.email = %s"


@pytest.fixture
def ada(place: Place) -> str:
    """The address of an account that is no administrator, with two open sessions."""
    email = new_email("ada")
    place.run("INSERT INTO users (email) VALUES (%s)", email)
    for _ in range(2):
        place.run(LOGGED_IN, email)
    return email


@pytest.mark.checklist(14)
def test_there_are_no_accounts_that_nobody_made(empty: Place) -> None:
    migrate(empty.settings)
    assert empty.run("SELECT count(*) FROM users") == [(0,)]


@pytest.mark.checklist(14)
def test_create_makes_an_account_whose_password_is_the_line_of_input(place: Place) -> None:
    email = new_email("Grace")
    line = done("users", "create", "--admin", "--full-name", "Grace Hopper", email)
    ((id_, stored),) = place.run("SELECT id, password_hash FROM users WHERE email = %s", email.lower())
    assert line == f"Created {email.lower()}, an administrator, with the id {id_}."
    assert place.run(ACCOUNT, email.lower()) == [("Grace Hopper", True, True)]
    assert place.run(EVENTS, email.lower()) == [("admin_created",)]
    assert stored.startswith("$argon2id$")


def test_the_password_is_hashed_as_the_api_verifies_it(place: Place) -> None:
    for given in (f"{PASSWORD}\n", f"{PASSWORD}\r\nanother line\n", PASSWORD):
        email = new_email()
        done("users", "create", email, given=given)
        ((stored,),) = place.run("SELECT password_hash FROM users WHERE email = %s", email)
        verdict = asyncio.run(verdict_of(place, stored))
        assert (verdict.ok, verdict.outdated) == (True, False)


async def verdict_of(place: Place, stored: str) -> Verdict:
    passwords = Passwords(place.settings)
    try:
        return await passwords.verify(PASSWORD, stored)
    finally:
        await passwords.close()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "it has fewer than 15 characters"),
        ("fourteen chars\n", "it has fewer than 15 characters"),
        ("é" * 513, "it is longer than 1,024 bytes"),
        ("passwordpassword\n", "it is one of the commonest"),
        ("ada.lovelace1815\n", "it is made of the address, the name or the name of this service"),
    ],
)
def test_a_weak_password_is_refused_as_the_api_refuses_it(place: Place, given: str, reason: str) -> None:
    words = ("users", "create", "--full-name", "Ada Lovelace", "somebody@example.com")
    assert refused(*words, given=given) == f"the password is refused: {reason}"
    assert place.run(ACCOUNT, words[-1]) == []


def test_a_password_cannot_be_an_argument(place: Place) -> None:
    words = ("users", "create", "--password", PASSWORD, new_email())
    assert refused(*words, status=2) == "No such option '--password'. See: backend users create --help"


@pytest.mark.parametrize(
    ("words", "given", "reason"),
    [
        (["nobody"], PASSWORD, "'nobody' is no e-mail address"),
        (["a\x1b[2J@é"], PASSWORD, r"'a\x1b[2J@\xe9' is no e-mail address"),
        (
            ["--full-name", "n" * 201, "a@example.com"],
            PASSWORD,
            "--full-name is longer than 200 characters, or not UTF-8",
        ),
        (
            ["--full-name", "\udcff", "a@example.com"],
            PASSWORD,
            "--full-name is longer than 200 characters, or not UTF-8",
        ),
        (["a@example.com"], b"correct horse \xff staple", "the password on standard input is not UTF-8"),
    ],
)
def test_what_cannot_be_an_account_is_refused(place: Place, words: list[str], given: str | bytes, reason: str) -> None:
    assert refused("users", "create", *words, given=given) == reason


def test_a_taken_address_is_refused_whatever_its_case(place: Place, ada: str) -> None:
    assert refused("users", "create", ada.title()) == f"there is already an account with the address {ada}"


def test_rights_are_given_and_taken(place: Place, ada: str) -> None:
    done("users", "create", "--admin", new_email("other"))
    steps = {
        "promote": ("is an administrator", (None, True, True)),
        "demote": ("is no administrator", (None, True, False)),
        "disable": ("is disabled and has no sessions", (None, False, False)),
        "enable": ("is enabled", (None, True, False)),
    }
    for command, (said, row) in steps.items():
        for _ in range(2):  # The second time there is nothing to do, which is no failure.
            assert done("users", command, ada.upper()) == f"{ada} {said}."
        assert place.run(ACCOUNT, ada) == [row]
    assert place.run(EVENTS, ada) == [("user_promoted",), ("user_demoted",), ("user_disabled",), ("user_enabled",)]
    assert place.run(OPEN, ada) == [(0,)]


def test_the_last_administrator_stays(empty: Place) -> None:
    migrate(empty.settings)
    email = new_email("last")
    done("users", "create", "--admin", email)
    for command in ("demote", "disable"):
        said = refused("users", command, email)
        assert said == f"{email} is the last administrator; make somebody else one first"
    assert empty.run(ACCOUNT, email) == [(None, True, True)]


@pytest.mark.checklist(37)
def test_sessions_of_one_account_or_of_all_are_ended(empty: Place) -> None:
    migrate(empty.settings)
    for email in ("ada@example.com", "bob@example.com", "eve@example.com"):
        empty.run("INSERT INTO users (email) VALUES (%s)", email)
        empty.run(LOGGED_IN, email)
    assert done("sessions", "revoke", "Ada@Example.com") == "Ended 1 session of ada@example.com."
    assert empty.run(OPEN, "ada@example.com") == [(0,)]
    assert empty.run(OPEN, "bob@example.com") == [(1,)]
    assert done("sessions", "revoke", "ada@example.com") == "Ended 0 sessions of ada@example.com."
    assert done("sessions", "revoke", "--all") == "Ended 2 sessions."
    assert empty.run(EVENTS, "bob@example.com") == [("session_ended",)]


@pytest.mark.parametrize("words", [["revoke"], ["revoke", "--all", "ada@example.com"]])
def test_whose_sessions_has_to_be_said(place: Place, words: list[str]) -> None:
    said = "Give either EMAIL or --all. See: backend sessions revoke --help"
    assert refused("sessions", *words, status=2) == said


@pytest.mark.parametrize("command", ["promote", "demote", "disable", "enable", "revoke"])
def test_an_address_that_nobody_has_is_named(place: Place, command: str) -> None:
    group = "sessions" if command == "revoke" else "users"
    assert refused(group, command, "x@example.com") == "there is no account with the address x@example.com"


def test_a_database_without_a_schema_is_told_to_be_migrated(empty: Place) -> None:
    assert refused("users", "promote", "x@example.com").endswith("run `backend migrate`")


def test_the_login_of_the_api_may_not_do_what_the_owner_does(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    other = place.new_login("other_login")
    place.give("GRANT {} TO {}", f"{place.database}_runtime", other)
    monkeypatch.setenv("DATABASE_OWNER_URL", place.url(other))
    assert "not for the role of DATABASE_OWNER_URL" in refused("sessions", "revoke", "--all")


def test_whatever_else_the_database_refuses_is_one_line(place: Place, ada: str) -> None:
    with psycopg.connect(place.superuser_url) as somebody, pytest.MonkeyPatch.context() as patch:
        somebody.execute("LOCK TABLE users")
        patch.setattr("backend.internal.asking._STATEMENT_MS", 100)
        assert refused("users", "promote", ada).startswith("the database refused: canceling statement due to")
