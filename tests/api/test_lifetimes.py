"""How long a session lives: until it is idle for too long, and never beyond its end."""

import httpx
import pytest

from backend.settings import Settings
from tests.api.acts import refresh
from tests.api.shapes import refused
from tests.database import Connection
from tests.people import Person


async def rotated(client: httpx.AsyncClient, token: str) -> str:
    answer = await refresh(client, token)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])


async def has_ended(superuser: Connection, person: Person) -> bool:
    cursor = await superuser.execute("SELECT ended_at IS NOT NULL FROM sessions WHERE user_id = %s", (person.id,))
    return await cursor.fetchone() == (True,)


@pytest.mark.checklist(35)
@pytest.mark.parametrize("column", ["idle_until", "expires_at"])
async def test_a_session_that_has_run_out_is_not_refreshed(
    client: httpx.AsyncClient, ada: Person, superuser: Connection, column: str
) -> None:
    await superuser.execute(f"UPDATE sessions SET {column} = now() WHERE user_id = %s".encode(), (ada.id,))
    refused(await refresh(client, ada.tokens["refresh_token"]), 401, "invalid_refresh_token")
    assert not await has_ended(superuser, ada)


@pytest.mark.checklist(35)
async def test_each_refresh_moves_the_idle_limit_but_never_beyond_the_last(
    client: httpx.AsyncClient, settings: Settings, ada: Person, superuser: Connection
) -> None:
    last = "now() + interval '90 days'"
    await superuser.execute(f"UPDATE sessions SET expires_at = {last} WHERE user_id = %s".encode(), (ada.id,))
    second = await rotated(client, ada.tokens["refresh_token"])
    left = "SELECT extract(epoch FROM idle_until - last_used_at)::int, idle_until = expires_at FROM sessions"
    cursor = await superuser.execute(f"{left} WHERE user_id = %s".encode(), (ada.id,))
    assert await cursor.fetchone() == (settings.refresh_token_seconds, False)
    await superuser.execute("UPDATE sessions SET expires_at = now() + interval '1 min' WHERE user_id = %s", [ada.id])
    await rotated(client, second)
    cursor = await superuser.execute(f"{left} WHERE user_id = %s".encode(), (ada.id,))
    row = await cursor.fetchone()
    assert row
    assert row[1] is True


@pytest.mark.checklist(35)
async def test_a_session_at_its_absolute_end_opens_nothing_although_its_token_lives(
    client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    await superuser.execute("UPDATE sessions SET expires_at = now() WHERE user_id = %s", (ada.id,))
    refused(await client.get("/v1/users/me", headers=ada), 401, "invalid_token")
