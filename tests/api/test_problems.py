"""What cannot be done is said in one shape, wherever it was found out (RFC 9457)."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest
from litestar import Litestar

from backend.app import at_the_edge
from backend.errors import Problem
from backend.settings import Settings
from queries import items
from tests.api.shapes import bad_fields, refused
from tests.conftest import client_of, running
from tests.database import Connection
from tests.people import PASSWORD, Person, new_email

JSON = {"content-type": "application/json"}


async def post(client: httpx.AsyncClient, person: Person, content: bytes) -> httpx.Response:
    return await client.post("/v1/items", content=content, headers=person | JSON)


# What cannot be read.


@pytest.mark.checklist(51, 61)
@pytest.mark.parametrize(
    "content",
    {
        "nothing": b"",
        "blanks": b" \n",
        "cut off": b'{"title":"A lens"',
        "cut off in a text": b'{"title":"A le',
        "more after it": b'{"title":"A lens"} {}',
        "no JSON": b"title=A+lens",
        "single quotes": b"{'title':'A lens'}",
        "a comma too many": b'{"title":"A lens",}',
        "a comment": b'{"title":"A lens"} // mine',
        "invalid UTF-8": b'{"title":"\xff\xfe"}',
        "overlong UTF-8": b'{"title":"\xc0\xaf"}',
        "a surrogate in UTF-8": b'{"title":"\xed\xa0\x80"}',
        "invalid UTF-8 in a name": b'{"title":"x","\xff":1}',
        "UTF-16": '{"title":"A lens"}'.encode("utf-16"),
        "a byte order mark": b'\xef\xbb\xbf{"title":"A lens"}',
        "a control character": b'{"title":"A\nlens"}',
        "a lone surrogate": rb'{"title":"\ud800"}',
        "surrogates the wrong way round": rb'{"title":"\udc00\ud800"}',
        "an unknown escape": rb'{"title":"\x41"}',
        "NaN": b'{"title":NaN}',
        "Infinity": b'{"title":-Infinity}',
        "a number beyond all bounds": b'{"title":1e400}',
        "NaN behind a bad field": b'{"title":7,"description":NaN}',
        "200,000 nestings": b"[" * 200_000,
        "200,000 closed nestings": b"[" * 200_000 + b"]" * 200_000,
        "200,000 nestings in a field": b'{"title":' + b"[" * 200_000,
        "150,000 nestings in an unknown field": b'{"x":' * 150_000 + b"1" + b"}" * 150_000,
    }.items(),
    ids=lambda case: case[0],
)
async def test_what_is_no_json_is_malformed(
    client: httpx.AsyncClient, someone: Person, content: tuple[str, bytes]
) -> None:
    refused(await post(client, someone, content[1]), 400, "malformed_json")


# What can be read and breaks the contract.


@pytest.mark.parametrize("content", [b"[]", b'[{"title":"x"}]', b"7", b'"title"', b"null", b"true", b"1e5"])
async def test_what_is_no_object_is_refused_as_a_whole(
    client: httpx.AsyncClient, someone: Person, content: bytes
) -> None:
    assert bad_fields(await post(client, someone, content)) == {"": "invalid"}


@pytest.mark.checklist(62, 63)
async def test_every_bad_field_is_named(client: httpx.AsyncClient, someone: Person) -> None:
    answer = await post(client, someone, b'{"description":7,"colour":"red","size":null}')
    assert bad_fields(answer) == {
        "/title": "missing",
        "/description": "invalid",
        "/colour": "unknown_field",
        "/size": "unknown_field",
    }
    messages = {error["pointer"]: error["message"] for error in answer.json()["errors"]}
    assert messages["/description"] == "Expected `str | null`, got `int`"
    assert messages["/title"] == "This field is required."


@pytest.mark.parametrize("value", ["7", "1.5", "true", "[]", "{}", "9" * 400])
async def test_a_value_of_the_wrong_type_is_named(client: httpx.AsyncClient, someone: Person, value: str) -> None:
    answer = await post(client, someone, b'{"title":%b,"description":[]}' % value.encode())
    assert bad_fields(answer) == {"/title": "invalid", "/description": "invalid"}


@pytest.mark.checklist(51)
async def test_nul_is_refused_in_every_text(client: httpx.AsyncClient, someone: Person) -> None:
    nul = {"title": "A\0lens", "description": "\0"}
    answer = await client.post("/v1/items", json=nul, headers=someone)
    assert bad_fields(answer) == {"/title": "invalid", "/description": "invalid"}
    nul = {"email": new_email().replace("@", "\0@"), "password": f"{PASSWORD}\0", "full_name": "A\0"}
    answer = await client.post("/v1/users", json=nul)
    assert bad_fields(answer) == {"/email": "invalid", "/password": "invalid", "/full_name": "invalid"}
    nul = {"email": new_email() + "\0", "password": f"{PASSWORD}\0", "device_name": "\0"}
    answer = await client.post("/v1/login", json=nul)
    assert bad_fields(answer) == {"/email": "invalid", "/password": "invalid", "/device_name": "invalid"}
    answer = await client.patch("/v1/users/me", json={"full_name": "A\0"}, headers=someone)
    assert bad_fields(answer) == {"/full_name": "invalid"}


@pytest.mark.checklist(51)
async def test_of_a_field_that_is_given_twice_the_last_counts(client: httpx.AsyncClient, ada: Person) -> None:
    for first in (b'"First"', b"7", b"null", b'"\\u0000"', b'""'):
        answer = await post(client, ada, b'{"title":%b,"title":"Last"}' % first)
        assert (answer.status_code, answer.json()["title"]) == (201, "Last")
    assert bad_fields(await post(client, ada, b'{"title":"First","title":7}')) == {"/title": "invalid"}


async def test_a_pointer_is_escaped(client: httpx.AsyncClient, someone: Person) -> None:
    named = bad_fields(await client.post("/v1/items", json={"title": "x", "a/b~c": 1, "": 2}, headers=someone))
    assert named == {"/a~1b~0c": "unknown_field", "/": "unknown_field"}


@pytest.mark.checklist(67)
@pytest.mark.parametrize("name", ["colour", "\0", "\N{GRINNING FACE}", '"', "~", "x" * 1000, "\N{SNOWMAN}" * 90])
async def test_a_thousand_unknown_fields_do_not_make_a_large_answer(
    client: httpx.AsyncClient, someone: Person, name: str
) -> None:
    fields: dict[str, object] = {f"{n:04}{name}": n for n in range(1000)}
    answer = await client.post("/v1/items", json=fields, headers=someone)
    assert len(bad_fields(answer)) >= 8
    fields = {f"{n:02}" + "\0" * 90: n for n in range(100)}
    assert bad_fields(await client.post("/v1/items", json=fields, headers=someone))


@pytest.mark.checklist(67)
async def test_bad_parameters_do_not_make_a_large_answer_either(client: httpx.AsyncClient, someone: Person) -> None:
    many = "&".join(f"{n:04}%F0%9F%98%80%00%22=x" for n in range(1000))
    assert bad_fields(await client.get(f"/v1/items?{many}", headers=someone))
    for long in ("scope=" + "x" * 9000, "scope=" + "%00" * 9000, "scope=x&" + "y" * 9000 + "=1"):
        assert "scope" in bad_fields(await client.post(f"/v1/logout?{long}", headers=someone))


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


async def test_every_bad_parameter_is_named(client: httpx.AsyncClient, someone: Person) -> None:
    answer = await client.get("/v1/items?limit=0&colour=red&limit=x&size=&cursor=a&cursor=b", headers=someone)
    named = refused(answer, 422, "validation_failed")["errors"]
    assert {(error["parameter"], error["code"]) for error in named} >= {
        ("colour", "unknown_parameter"),
        ("size", "unknown_parameter"),
        ("limit", "repeated_parameter"),
        ("cursor", "repeated_parameter"),
    }


async def test_a_parameter_is_named_as_it_was_sent(client: httpx.AsyncClient, someone: Person) -> None:
    assert list(bad_fields(await client.post("/v1/logout?scope=all", headers=someone))) == ["scope"]
    assert set(bad_fields(await client.post("/v1/logout?scope=all&x=1", headers=someone))) == {"scope", "x"}


@pytest.mark.parametrize("path", ["/v1/users/me", "/v1/sessions", "/health/live", "/.well-known/jwks.json"])
async def test_a_route_without_parameters_takes_none(client: httpx.AsyncClient, someone: Person, path: str) -> None:
    assert bad_fields(await client.get(f"{path}?limit=1", headers=someone)) == {"limit": "unknown_parameter"}


async def test_bad_parameters_and_bad_fields_are_named_together(client: httpx.AsyncClient, someone: Person) -> None:
    answer = await client.post("/v1/items?draft=1", json={"title": ""}, headers=someone)
    assert bad_fields(answer) == {"draft": "unknown_parameter", "/title": "out_of_range"}
    answer = await client.post("/v1/items?draft=1", json={"title": "x"}, headers=someone)
    assert bad_fields(answer) == {"draft": "unknown_parameter"}


# One shape, whatever is asked for.


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


# What the database says, and what it says too much.

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
@pytest.mark.parametrize("error", [RuntimeError("secret"), KeyError("secret"), RecursionError("secret"), OSError(5)])
async def test_a_fault_of_ours_is_answered_bare(
    client: httpx.AsyncClient, someone: Person, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    answer = await failing(client, someone, monkeypatch, error)
    problem = refused(answer, 500, "internal_error")
    assert problem["detail"] == "Something went wrong on our side."
    assert "secret" not in answer.text


# Too late, and too much.


async def test_a_body_that_stalls_is_408(settings_with: Callable[..., Settings], app: Litestar) -> None:
    edge = at_the_edge(app, settings_with(REQUEST_TIMEOUT="0.05"))
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/login",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"50")],
        "client": ("203.0.113.7", 1),
    }
    chunks = [{"type": "http.request", "body": b'{"email":', "more_body": True}]
    sent: list[Any] = []

    async def receive() -> Any:
        return chunks.pop() if chunks else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await edge(scope, receive, send)  # type: ignore[arg-type]  # A scope as small as it can be.
    start, body = sent
    assert start["status"] == 408
    assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
    assert b'"code":"body_timeout"' in body["body"]


async def test_a_request_that_takes_too_long_is_504(
    settings_with: Callable[..., Settings], app: Litestar, superuser: Connection, ada: Person
) -> None:
    async with superuser.transaction():
        await superuser.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (ada.id,))
        async with client_of(app, settings_with(REQUEST_TIMEOUT="0.05")) as client:
            answer = await client.patch("/v1/users/me", json={"full_name": "A"}, headers=ada)
    refused(answer, 504, "deadline_exceeded")


async def test_a_statement_that_takes_too_long_is_504(
    settings_with: Callable[..., Settings], superuser: Connection, ada: Person
) -> None:
    settings = settings_with(STATEMENT_TIMEOUT="0.05")
    async with running(settings) as app, client_of(app, settings) as client:
        async with superuser.transaction():
            await superuser.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (ada.id,))
            answer = await client.patch("/v1/users/me", json={"full_name": "A"}, headers=ada)
        refused(answer, 504, "deadline_exceeded")
        answer = await client.patch("/v1/users/me", json={"full_name": "A"}, headers=ada)
        assert answer.status_code == 200


@pytest.mark.checklist(53)
async def test_a_pool_with_nothing_free_is_503(settings_with: Callable[..., Settings], ada: Person) -> None:
    settings = settings_with(POOL_MIN_SIZE="1", POOL_MAX_SIZE="1", POOL_MAX_WAITING="1", POOL_TIMEOUT="0.05")
    async with running(settings) as app, client_of(app, settings) as client:
        taken = await app.state.pool.getconn()
        answers = await asyncio.gather(*(client.get("/v1/users/me", headers=ada) for _ in range(3)))
        await app.state.pool.putconn(taken)
        for answer in answers:
            refused(answer, 503, "overloaded")
        assert (await client.get("/v1/users/me", headers=ada)).status_code == 200


@pytest.mark.checklist(20)
async def test_what_does_not_fit_into_the_hash_pool_is_503_and_not_hashed(
    settings_with: Callable[..., Settings],
) -> None:
    settings = settings_with(HASH_WORKERS="1", HASH_QUEUE="1")
    async with running(settings) as app, client_of(app, settings) as client:
        bodies = [{"email": new_email(), "password": PASSWORD} for _ in range(12)]
        answers = await asyncio.gather(*(client.post("/v1/users", json=body) for body in bodies))
        made = [answer for answer in answers if answer.status_code == 201]
        assert 0 < len(made) < len(answers)
        assert app.state.passwords.hashes_executed == len(made)
        for answer in answers:
            if answer not in made:
                refused(answer, 503, "overloaded")
