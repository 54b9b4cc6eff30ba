"""What an attacker found once, and must not find again."""

import asyncio
import time
from collections.abc import Callable

import httpx
import psycopg
import pytest
from litestar import Litestar

from backend import negotiation, parameters
from backend.compression import coding_of
from backend.database.embedded import Embedded
from backend.logs import redact
from backend.settings import Settings
from tests.conftest import client_of, running
from tests.people import PASSWORD, Person, join, log_in, new_address

type Superuser = psycopg.AsyncConnection[tuple[object, ...]]

NEW_PASSWORD = "another horse, another battery"


async def test_requests_leave_nothing_behind_in_the_caches_of_negotiation(
    client: httpx.AsyncClient, app: Litestar
) -> None:
    await client.get("/health/live")
    before = negotiation.terms_of.cache_info().currsize
    for _ in range(50):
        await client.get("/health/live")
    assert negotiation.terms_of.cache_info().currsize == before


async def test_of_a_long_accept_header_only_the_beginning_is_read(client: httpx.AsyncClient) -> None:
    negotiation._weighed.cache_clear()
    answer = await client.get("/health/live", headers={"accept": "a," * 20_000 + "*/*"})
    assert answer.status_code == 406
    assert negotiation._weighed("a," * 512, ("application/json", "application/vnd.msgpack")) == ""
    assert negotiation._weighed.cache_info().hits == 1  # Those 1,024 characters are what was kept.


async def test_of_a_long_accept_encoding_header_only_the_beginning_is_read(client: httpx.AsyncClient) -> None:
    coding_of.cache_clear()
    answer = await client.get("/problems", headers={"accept-encoding": "a," * 20_000 + "br"})
    assert "content-encoding" not in answer.headers
    assert coding_of(b"a," * 512) == ""
    assert coding_of.cache_info().hits == 1


async def test_of_queries_only_a_few_short_ones_are_remembered(client: httpx.AsyncClient) -> None:
    before = parameters._remembered.cache_info()
    assert before.maxsize == 1024
    for size in (257, 60_000):
        assert (await client.get(f"/health/live?{'x' * size}")).status_code == 422
    assert parameters._remembered.cache_info().currsize == before.currsize
    assert (await client.get(f"/health/live?{'y' * 256}")).status_code == 422
    assert parameters._remembered.cache_info().misses == before.misses + 1


@pytest.mark.checklist(37)
async def test_a_log_in_beside_a_password_change_does_not_outlive_the_old_password(
    client: httpx.AsyncClient, ada: Person, superuser: Superuser
) -> None:
    """Held half-way: the log-in has opened its session and not yet committed when the change comes."""
    account = {"id": ada.id, "email": ada.email}
    async with superuser.transaction():
        await superuser.execute("SELECT FROM users WHERE id = %s FOR SHARE", (ada.id,))
        await superuser.execute(
            """
            INSERT INTO sessions (user_id, ip_address, network, fingerprint, is_new_device, idle_until, expires_at)
            VALUES (%s, '192.0.2.1', '192.0.2.1', '', true, now() + interval '1 day', now() + interval '1 day')
            """,
            (ada.id,),
        )
        body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        change = asyncio.create_task(client.put("/v1/users/me/password", json=body, headers=ada))
        await _waits_for_a_lock(superuser, "%change_password%")
    assert (await change).status_code == 204
    live = await superuser.execute("SELECT count(*) FROM sessions WHERE user_id = %s AND ended_at IS NULL", (ada.id,))
    assert await live.fetchone() == (1,)
    refused = await client.post("/v1/login", json={"email": account["email"], "password": PASSWORD})
    assert refused.status_code == 401


async def test_opening_a_session_holds_the_account_against_change(
    client: httpx.AsyncClient, ada: Person, superuser: Superuser
) -> None:
    async with superuser.transaction():
        await superuser.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (ada.id,))
        attempt = asyncio.create_task(client.post("/v1/login", json={"email": ada.email, "password": PASSWORD}))
        await _waits_for_a_lock(superuser, "%finish_login%")
        await superuser.execute("UPDATE users SET is_active = false WHERE id = %s", (ada.id,))
    assert (await attempt).status_code == 401


async def _waits_for_a_lock(superuser: Superuser, statement: str) -> None:
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    until = time.monotonic() + 20
    while not (await superuser.execute(waiting, (statement,))).rowcount:
        await superuser.execute("SELECT pg_stat_clear_snapshot()")  # A transaction sees the activity of its first look.
        assert time.monotonic() < until, f"nothing waits in {statement}"
        await asyncio.sleep(0.01)


@pytest.mark.checklist(68)
async def test_no_stored_hash_gets_into_the_log_of_the_server(
    client: httpx.AsyncClient, ada: Person, superuser: Superuser, postgres: Embedded
) -> None:
    """The account's last statement fails, and PostgreSQL writes it down; behind a pooler with its values."""
    await superuser.execute(
        """
        CREATE OR REPLACE FUNCTION pg_temp.fail() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RAISE EXCEPTION ''kept''; END'
        """
    )
    await superuser.execute(
        f"CREATE TRIGGER kept BEFORE DELETE ON users FOR EACH ROW WHEN (OLD.id = '{ada.id}') "
        "EXECUTE FUNCTION pg_temp.fail()"
    )
    try:
        answer = await client.post("/v1/users/me/deletion", json={"password": PASSWORD}, headers=ada)
    finally:
        await superuser.execute("DROP TRIGGER kept ON users")
    assert answer.status_code == 500
    log = postgres.cluster.log.read_text()
    assert "gate.delete_me(" in log
    stored = await (await superuser.execute("SELECT password_hash FROM users WHERE id = %s", (ada.id,))).fetchone()
    assert stored
    assert str(stored[0]) not in log


@pytest.mark.checklist(15)
async def test_strangers_at_a_shared_address_do_not_keep_the_owner_out(
    app: Litestar, settings: Settings, superuser: Superuser
) -> None:
    address = new_address()
    async with client_of(app, settings, address) as client:
        owner = await join(client, "owner")
        await superuser.execute(
            """
            INSERT INTO throttles (key, attempts, blocked_until)
            SELECT kind || ':' || network, 150, now() + interval '1 hour'
            FROM   sessions, (VALUES ('login-address'), ('refresh-address')) AS of (kind)
            WHERE  user_id = %s
            ON CONFLICT (key) DO UPDATE SET attempts = 150, blocked_until = now() + interval '1 hour'
            """,
            (owner.id,),
        )
        stranger = await client.post("/v1/login", json={"email": "nobody@example.com", "password": PASSWORD})
        assert stranger.status_code == 429
        await log_in(client, {"id": owner.id, "email": owner.email})
        refreshed = await client.post("/v1/login/refresh", json={"refresh_token": owner.tokens["refresh_token"]})
        assert refreshed.status_code == 200


@pytest.mark.checklist(16)
async def test_log_ins_that_were_not_charged_to_an_address_are_not_paid_back_to_it(
    client: httpx.AsyncClient, ada: Person, superuser: Superuser
) -> None:
    network = await (await superuser.execute("SELECT network FROM sessions WHERE user_id = %s", (ada.id,))).fetchone()
    assert network
    await superuser.execute(
        "INSERT INTO throttles (key, attempts) VALUES ('login-address:' || %s, 50) "
        "ON CONFLICT (key) DO UPDATE SET attempts = 50",
        network,
    )
    for _ in range(3):
        await log_in(client, {"id": ada.id, "email": ada.email})
    left = await superuser.execute("SELECT attempts FROM throttles WHERE key = 'login-address:' || %s", network)
    assert await left.fetchone() == (50,)


@pytest.mark.parametrize("email", ["a\\b@x.y", "\\x4", "\\x6164", "\\134@x.y"])
async def test_a_backslash_in_an_address_is_counted_like_any_other(client: httpx.AsyncClient, email: str) -> None:
    answer = await client.post("/v1/login", json={"email": email, "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


async def test_a_log_in_that_opens_nothing_pays_nothing_back(ada: Person, superuser: Superuser) -> None:
    key = "SELECT gate.login_key(%s, '198.51.100.9')"
    (throttle,) = await (await superuser.execute(key, (ada.email,))).fetchone() or ("",)
    await superuser.execute("INSERT INTO throttles (key, attempts) VALUES (%s, 9)", (throttle,))
    opened = await superuser.execute(
        "SELECT FROM gate.finish_login(%s, 'wrong', NULL, NULL, '198.51.100.9', '198.51.100.9', '{}', 60, 60)",
        (ada.id,),
    )
    assert opened.rowcount == 0
    left = await superuser.execute("SELECT attempts FROM throttles WHERE key = %s", (throttle,))
    assert await left.fetchone() == (9,)


async def test_of_the_ended_sessions_the_newest_are_kept(
    client: httpx.AsyncClient, ada: Person, superuser: Superuser
) -> None:
    await superuser.execute(
        """
        INSERT INTO sessions
            (user_id, ip_address, network, fingerprint, is_new_device, idle_until, expires_at, ended_at)
        SELECT %s, '192.0.2.1', '192.0.2.1', int4send(n), true, now(), now(), now()
        FROM   generate_series(1, 300) AS n
        """,
        (ada.id,),
    )
    await log_in(client, {"id": ada.id, "email": ada.email})
    ended = await superuser.execute(
        "SELECT count(*) FROM sessions WHERE user_id = %s AND ended_at IS NOT NULL", (ada.id,)
    )
    assert await ended.fetchone() == (200,)


@pytest.mark.parametrize("limit", ["5.0", "1e1", "+5", " 5", "5_0", "\u0665", "0x5", "1" * 30])
async def test_a_limit_is_written_in_digits(client: httpx.AsyncClient, ada: Person, limit: str) -> None:
    answer = await client.get("/v1/items", params={"limit": limit}, headers=ada)
    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json()["errors"]] == ["limit"]


async def test_a_compressed_body_is_415(client: httpx.AsyncClient, ada: Person) -> None:
    headers = {**ada, "content-type": "application/json", "content-encoding": "gzip"}
    assert (await client.post("/v1/items", content=b"\x1f\x8b", headers=headers)).status_code == 415


def test_redaction_reads_each_character_a_bounded_number_of_times() -> None:
    """With 60 kB, quadratic work would be minutes: the test itself would be seen to hang."""
    hostile = "eyJ" * 20_000
    assert redact(None, "", {"event": hostile})["event"] == hostile


async def test_a_weak_new_password_costs_no_attempt(
    client: httpx.AsyncClient, ada: Person, superuser: Superuser
) -> None:
    for _ in range(12):
        body = {"current_password": PASSWORD, "new_password": "short"}
        assert (await client.put("/v1/users/me/password", json=body, headers=ada)).status_code == 422
    counted = await superuser.execute("SELECT FROM throttles WHERE key = 'password:' || %s", (ada.id,))
    assert counted.rowcount == 0


@pytest.mark.checklist(41)
async def test_a_foreign_setting_of_the_role_changes_no_time(
    settings_with: Callable[..., Settings], superuser: Superuser, database: str
) -> None:
    role = await (await superuser.execute("SELECT rolname FROM pg_roles WHERE rolname = 'lodestar_app'")).fetchone()
    assert role
    await superuser.execute(f"ALTER ROLE lodestar_app IN DATABASE {database} SET timezone = 'Asia/Tokyo'")
    await superuser.execute(f"ALTER ROLE lodestar_app IN DATABASE {database} SET datestyle = 'German'")
    try:
        settings = settings_with()
        async with running(settings) as app, client_of(app, settings) as client:
            ada = await join(client, "ada")
            me = (await client.get("/v1/users/me", headers=ada)).json()
        assert me["created_at"].endswith("Z")
    finally:
        await superuser.execute(f"ALTER ROLE lodestar_app IN DATABASE {database} RESET ALL")
