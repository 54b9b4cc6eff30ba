"""One line of JSON an event, who asked and what became of it, and never a secret."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import structlog
from litestar import Litestar, get, post
from litestar.di import NamedDependency

from backend import edge
from backend.logs import configure_logs, redact
from backend.settings import Settings
from queries import items
from queries._fetch import Cheap, Conn, execute
from tests.conftest import client_of, running
from tests.people import PASSWORD, Person, join

CANARY: Final = "canary-7f3a9c51"

type Lines = Callable[[], list[dict[str, Any]]]


@get("/test/fault")
async def fault(conn: NamedDependency[Conn]) -> None:
    """A value in the text of the driver, in its detail, and in what was raised because of it."""
    await execute(conn, "SELECT nothing FROM nowhere WHERE title = %(title)s", title=CANARY)


@get("/test/chain")
async def chain(conn: NamedDependency[Conn]) -> None:
    try:
        await execute(conn, "SELECT %(title)s::uuid", title=CANARY)
    except psycopg.Error as error:
        raise RuntimeError("it went wrong") from error


@get("/test/group")
async def group(conn: NamedDependency[Conn]) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(execute(conn, "SELECT %(title)s::uuid", title=CANARY))


@post("/test/row")
async def row(conn: NamedDependency[Conn]) -> None:
    await execute(conn, "INSERT INTO items (title, description) VALUES ('', %(text)s)", text=CANARY)


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """What was written since it was last asked: nothing but JSON, line by line."""
    root, configure = logging.getLogger(), structlog.configure
    handlers, level = root.handlers[:], root.level
    # A logger that remembers its configuration would take that of this test into the next ones.
    monkeypatch.setattr(
        structlog, "configure", lambda **given: configure(**given | {"cache_logger_on_first_use": False})
    )
    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)  # It is the client's, not ours.

    def read() -> list[dict[str, Any]]:
        out, err = capfd.readouterr()
        return [json.loads(line) for line in (out + err).splitlines()]

    yield read
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def logging_app(settings_with: Callable[..., Settings]) -> Callable[..., Any]:
    @asynccontextmanager
    async def started(**overrides: str) -> AsyncIterator[tuple[Litestar, httpx.AsyncClient]]:
        changed = settings_with(**{"LOG_FORMAT": "json", **overrides})
        configure_logs(changed)
        async with running(changed) as app, client_of(app, changed, "203.0.113.7") as client:
            for handler in (fault, chain, group, row):
                app.register(handler)
            yield app, client

    return started


def of_requests(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == "request"]


@pytest.mark.checklist(68)
async def test_a_request_has_one_line_that_says_who_asked_what_and_what_became_of_it(
    logging_app: Callable[..., Any], lines: Lines
) -> None:
    async with logging_app() as (app, client):
        ada = await join(client, "ada")
        lines()
        request_id = str(uuid4())
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        address = f"/v1/items/{uuid4()}?nothing=at-all"
        headers = ada | {"x-request-id": request_id, "traceparent": trace}
        await client.head(address, headers=headers)
        (line,) = lines()
        principal = app.state.access.verify(ada.tokens["access_token"])
    when, duration = datetime.fromisoformat(line.pop("timestamp")), line.pop("duration_ms")
    assert when.utcoffset() == timedelta(0)
    assert isinstance(duration, float)
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "lodestar.requests",
        "request_id": request_id,
        "method": "HEAD",
        "route": "/v1/items/{item_id}",
        "status": 422,
        "client": "203.0.113.7",
        "user_id": str(principal.user_id),
        "session_id": str(principal.session_id),
        "traceparent": trace,
    }


@pytest.mark.checklist(68)
async def test_who_is_nobody_and_goes_nowhere_has_a_line_too(logging_app: Callable[..., Any], lines: Lines) -> None:
    async with logging_app() as (_, client):
        for path, headers in (("/v1/items", {}), ("/nowhere", {}), ("/v1/items", {"x-request-id": "mine"})):
            lines()
            answer = await client.get(path, headers=headers)
            (line,) = of_requests(lines())
            assert (line["status"], line["user_id"], line["session_id"]) == (answer.status_code, None, None)
            assert line["request_id"] == answer.headers["x-request-id"]
            assert UUID(line["request_id"])


FORGED: Final = '\r\n{"event": "request", "status": 200}\r\n\x1b[2K\x00\x85\u2028'


@pytest.mark.checklist(68)
@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_nobody_forges_a_line(
    log_format: str, logging_app: Callable[..., Any], lines: Lines, capfd: pytest.CaptureFixture[str]
) -> None:
    async with logging_app(LOG_FORMAT=log_format) as (_, client):
        capfd.readouterr()
        raw = FORGED.encode()
        named = (b"x-request-id", b"traceparent", b"x-forwarded-for", b"user-agent", b"authorization", b"cookie")
        await client.get("/v1/items%0d%0a/x", headers=[(name, raw) for name in named], params={"a": FORGED})
        await client.request("GET\r\nX", "/v1/items", headers=[(b"traceparent", raw)])
        written = "".join(capfd.readouterr())
        assert len([line for line in written.splitlines() if "request_id" in line]) == 2
        assert len(written.splitlines()) == len(written.strip().split("\n"))
        assert written.replace("\n", "").isprintable()


async def test_only_a_traceparent_that_is_one_is_written(logging_app: Callable[..., Any], lines: Lines) -> None:
    async with logging_app() as (_, client):
        whole = f"00-{'a' * 32}-{'b' * 16}-01"
        for given in ("x" * 60_000, PASSWORD, "00-0-0-01", "", f"{whole}-{'x' * 5000}"):
            lines()
            await client.get("/health/live", headers={"traceparent": given})
            (line,) = of_requests(lines())
            assert line["traceparent"] is None


async def test_who_is_turned_away_has_a_line_too(
    logging_app: Callable[..., Any], lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with logging_app() as (_, client):
        monkeypatch.setattr(client._transport.app, "_hashing_is_full", lambda: True)
        lines()
        assert (await client.post("/v1/login", json={})).status_code == 503
        (line,) = of_requests(lines())
        assert (line["status"], line["method"], line["client"]) == (503, "POST", "203.0.113.7")


@pytest.mark.checklist(68)
async def test_below_its_level_a_request_is_not_even_described(
    logging_app: Callable[..., Any], lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with logging_app(LOG_LEVEL="WARNING") as (_, client):
        monkeypatch.setattr(edge, "client_address", None)
        monkeypatch.setattr(edge, "_log", None)
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/v1/items")).status_code == 401
        assert lines() == []


@pytest.mark.checklist(64)
@pytest.mark.parametrize("path", ["/test/fault", "/test/chain", "/test/group"])
async def test_a_fault_is_logged_under_the_id_that_the_answer_carries(
    path: str, logging_app: Callable[..., Any], lines: Lines
) -> None:
    async with logging_app() as (_, client):
        ada = await join(client, "ada")
        lines()
        answer = await client.get(path, headers=ada)
        assert answer.status_code == 500
        assert set(answer.json()) == {"type", "title", "status", "detail", "instance", "code"}
        (line,) = [line for line in lines() if line["event"] in ("fault", "database_fault")]
    assert answer.json()["instance"] == f"urn:uuid:{line['request_id']}"
    assert line.get("sqlstate") == "42P01" or "InvalidTextRepresentation" in line["exception"]
    assert CANARY not in json.dumps(line)


async def test_of_a_statement_that_fails_the_function_is_logged_that_asked_it(
    logging_app: Callable[..., Any], lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "FIND", Cheap("SELECT id, titel FROM items WHERE id = %(item_id)s"))
    async with logging_app() as (_, client):
        ada = await join(client, "ada")
        lines()
        assert (await client.get(f"/v1/items/{uuid4()}", headers=ada)).status_code == 500
        (line,) = [line for line in lines() if line["event"] == "database_fault"]
    assert (line["query"], line["kind"]) == ("queries.items.find", "UndefinedColumn")


def secrets_of(settings: Settings, person: Person) -> set[str]:
    """What must not be written anywhere, in the spelling that it would be written in."""
    assert settings.database_url
    assert settings.database_owner_url
    passwords = {url.split(":")[2].partition("@")[0] for url in (settings.database_url, settings.database_owner_url)}
    pem = {line for line in settings.jwt_signing_key.splitlines() if "-----" not in line}
    key = {settings.secret_key.hex(), repr(settings.secret_key)[2:-1]}
    return {CANARY, PASSWORD, *passwords, *pem, *key, person.tokens["access_token"], person.tokens["refresh_token"]}


@pytest.mark.checklist(38, 68)
@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_no_secret_is_ever_written(
    log_format: str, logging_app: Callable[..., Any], lines: Lines, capfd: pytest.CaptureFixture[str]
) -> None:
    async with logging_app(LOG_LEVEL="DEBUG", LOG_FORMAT=log_format) as (app, client):
        settings: Settings = app.state.settings
        structlog.stdlib.get_logger("test").info("settings", settings=settings, text=str(settings))
        ada = await join(client, "ada")
        cookies = {"cookie": f"session={CANARY}; token={ada.tokens['access_token']}"}
        address = f"/v1/items?access_token={ada.tokens['access_token']}&password={CANARY}"
        for headers in (ada, ada | cookies, ada | {"authorization": f"Basic {CANARY}"}, cookies):
            await client.get(address, headers=headers)
            await client.post(address, headers=headers, json={"title": CANARY, CANARY: PASSWORD})
        login = {"email": ada.email, "password": f"{PASSWORD} {CANARY}"}
        await client.post("/v1/login", json=login)
        await client.post("/v1/login", content=json.dumps(login).encode() + b"{")
        refreshed = {"refresh_token": ada.tokens["refresh_token"]}
        for _ in range(3):
            refreshed = (await client.post("/v1/login/refresh", json=refreshed)).json()
        await client.post("/v1/login/refresh", json={"refresh_token": ada.tokens["refresh_token"]})
        bob = await join(client, "bob")
        for method, path in (
            ("GET", "/test/fault"),
            ("GET", "/test/chain"),
            ("GET", "/test/group"),
            ("POST", "/test/row"),
        ):
            await client.request(method, path, headers=bob)
    written = "".join(capfd.readouterr())
    assert len(written.splitlines()) > 15
    assert "fault" in written
    found = {one for one in secrets_of(settings, ada) | secrets_of(settings, bob) if one in written}
    assert found == set()


@pytest.mark.checklist(68)
@pytest.mark.parametrize(
    "event",
    [
        {"password": CANARY},
        {"secret_key": CANARY.encode()},
        {"headers": {"Authorization": f"Bearer {CANARY}", "Cookie": CANARY}},
        {"given": [{"refresh_token": CANARY}]},
        {"error": ValueError(f"postgresql://app:{CANARY}@127.0.0.1/lodestar")},
        {"url": f"postgresql://app:{CANARY}@127.0.0.1/lodestar"},
        {"text": f"lsr1_{CANARY}"},
        {"text": f"the token is eyJ{CANARY}.eyJ{CANARY}.{CANARY} and no other"},
        {"raw": f"$argon2id$v=19$m=19456,t=2,p=1${CANARY}".encode()},
        {"text": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"},
        {"exception": f"Traceback:\n-----BEGIN PRIVATE KEY-----\n{CANARY}"},
    ],
)
def test_a_secret_is_masked_by_its_name_and_by_its_look(event: dict[str, Any]) -> None:
    assert CANARY not in str(redact(None, "info", event))


def test_what_is_no_secret_is_left_as_it_is() -> None:
    event = {
        "event": "request",
        "status": 200,
        "duration_ms": 1.5,
        "ready": True,
        "user_id": None,
        "route": "/v1/items",
    }
    assert redact(None, "info", dict(event)) == event
    assert redact(None, "info", {"name": "Zoë\tŁukasz\n"}) == {"name": "Zoë\\tŁukasz\\n"}
