"""What cannot be done is said in one shape, wherever it was found out (RFC 9457)."""

import httpx
import psycopg
import pytest

from backend.errors import Problem
from queries import items
from tests.api.shapes import refused
from tests.database import Connection
from tests.people import Person


@pytest.mark.checklist(67)
async def test_what_was_sent_comes_back_only_escaped(client: httpx.AsyncClient, someone: Person) -> None:
    evil = '<script>alert("1")</script>\r\n'
    for answer in (
        await client.post("/v1/items", json={"title": "x", evil: evil}, headers=someone),
        await client.get("/v1/items", params={evil: evil}, headers=someone),
        await client.get("/v1/items", params={"limit": evil}, headers=someone),
        await client.get(f"/{evil.strip()}", headers={"accept": "text/html"}),
        await client.get(f"/problems/{evil.strip()}", headers={"accept": "text/html"}),
    ):
        refused(answer, answer.status_code, answer.json()["code"])
        assert b'alert("' not in answer.content
        assert "script" not in str(answer.headers)


@pytest.mark.checklist(61)
@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*;q=0.5", "application/json", "", ";;,"])
async def test_a_problem_is_json_whatever_is_accepted(client: httpx.AsyncClient, accept: str) -> None:
    headers = {"accept": accept}
    refused(await client.get("/nowhere", headers=headers), 404, "not_found")
    refused(await client.get("/v1/users/me", headers=headers), 401, "not_authenticated")
    refused(await client.put("/v1/users/me", headers=headers), 405, "method_not_allowed")
    refused(await client.post("/v1/login", content=b"", headers=headers), 415, "unsupported_media_type")


@pytest.mark.checklist(61)
async def test_every_type_leads_to_a_page_that_explains_it(client: httpx.AsyncClient) -> None:
    for code, kind in Problem.registry.items():
        page = await client.get(f"/problems/{code}")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert kind.title in page.text
    refused(await client.get("/problems/unheard_of"), 404, "not_found")


async def test_a_host_that_cannot_be_one_is_a_bad_request(client: httpx.AsyncClient) -> None:
    client.event_hooks = {}  # Any route can answer this, so it is not documented for each.
    refused(await client.get("/health/live", headers={"host": "a b"}), 400, "bad_request")


SECRET = "Failing row contains (ada@example.com)"


async def raised(superuser: Connection, sqlstate: str, constraint: str) -> psycopg.Error:
    """The error that PostgreSQL and the driver really make of it."""
    using = f"ERRCODE = '{sqlstate}', CONSTRAINT = '{constraint}', DETAIL = '{SECRET}', TABLE = 'users'"
    with pytest.raises(psycopg.Error) as caught:
        await superuser.execute(f"DO $$ BEGIN RAISE EXCEPTION 'secret' USING {using}; END $$".encode())
    return caught.value


@pytest.mark.checklist(64, 66)
@pytest.mark.parametrize(
    ("sqlstate", "constraint", "status", "code"),
    [
        ("23505", "users_email_key", 409, "email_taken"),
        ("P0001", "users_last_admin", 409, "last_admin"),
        ("P0001", "not_admin", 403, "not_admin"),
        ("P0001", "user_not_found", 404, "not_found"),
        ("P0001", "session_ended", 401, "invalid_token"),
        ("23505", "another_key", 409, "conflict"),
        ("23503", "items_owner_id_fkey", 409, "conflict"),
        ("23514", "items_title_check", 422, "validation_failed"),
        ("23502", "", 422, "validation_failed"),
        ("22001", "", 422, "validation_failed"),
        ("22003", "", 422, "validation_failed"),
        ("22021", "", 422, "validation_failed"),
        ("42501", "", 403, "forbidden"),
        ("40001", "", 503, "overloaded"),
        ("40P01", "", 503, "overloaded"),
        ("55P03", "", 503, "overloaded"),
        ("57014", "", 504, "deadline_exceeded"),
        ("53300", "", 503, "database_unavailable"),
        ("57P01", "", 503, "database_unavailable"),
        ("57P03", "", 503, "database_unavailable"),
        ("08006", "", 503, "database_unavailable"),
        ("P0001", "unheard_of", 500, "internal_error"),
        ("42P01", "", 500, "internal_error"),
        ("42703", "", 500, "internal_error"),
        ("XX000", "", 500, "internal_error"),
    ],
)
async def test_what_the_database_raises_becomes_a_refusal_that_tells_nothing_of_it(
    client: httpx.AsyncClient,
    superuser: Connection,
    someone: Person,
    monkeypatch: pytest.MonkeyPatch,
    sqlstate: str,
    constraint: str,
    status: int,
    code: str,
) -> None:
    error = await raised(superuser, sqlstate, constraint)
    answer = await failing(client, someone, monkeypatch, error)
    refused(answer, status, code)
    told = answer.text.lower()
    for telling in ("secret", "ada@", "users", "row contains", sqlstate.lower(), constraint or "constraint"):
        assert telling not in told.replace(code, "").replace(answer.headers["x-request-id"], "")


async def failing(
    client: httpx.AsyncClient, person: Person, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> httpx.Response:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(items, "find", fail)
    client.event_hooks = {}  # What is raised here, this route does not really raise, and so does not document.
    return await client.get("/v1/items/01890a5d-ac96-774b-bcce-b302099a8057", headers=person)


@pytest.mark.checklist(64)
@pytest.mark.parametrize("error", [RuntimeError("secret"), RecursionError("secret")])
async def test_a_fault_of_ours_is_answered_bare(
    client: httpx.AsyncClient, someone: Person, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    answer = await failing(client, someone, monkeypatch, error)
    problem = refused(answer, 500, "internal_error")
    assert problem["detail"] == "Something went wrong on our side."
    assert "secret" not in answer.text
