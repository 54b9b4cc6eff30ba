"""The short way to a handler is not to be told from the framework's own: each request is answered by both."""

import gc
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final

import httpx
import msgspec
import pytest
from litestar import Litestar, Router
from litestar import get as framework_get
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.config.csrf import CSRFConfig

from backend.app import create_app
from backend.faults import EXCEPTION_HANDLERS
from backend.handlers import get, post
from backend.settings import Settings
from tests.api.acts import add_item
from tests.api.shortcuts import (
    ANSWERS,
    ERRORS,
    JSON,
    LESS,
    MARK,
    MORE,
    MSGPACK,
    TOO_MANY,
    Answered,
    Ask,
    Change,
    Named,
    Ways,
    after_request,
    answering,
    before_send,
    by_framework,
    changed,
    counted,
    excuse,
    failing,
    given,
    happened,
    marking,
    note,
    raising,
    reading,
    sent,
    telling,
)
from tests.asking import ids_of, request_of
from tests.conftest import running
from tests.database import Connection, introduce
from tests.expected import ROUTES
from tests.people import Person
from tests.routes import NOBODY, routes_of

ITEM: Final = f"/v1/items/{NOBODY}"
NDJSON: Final = "application/x-ndjson"
# Requests whose answers do not depend on the moment, and which change nothing.
BASES: Final = [
    Ask("GET", "/v1/items", "limit=5", "ada"),
    Ask("GET", ITEM, who="ada"),
    Ask("POST", "/v1/items", who="ada", headers=(("content-type", JSON),), pieces=(b'{"title"', b':""}')),
    Ask("PATCH", ITEM, who="ada", headers=(("content-type", JSON),), pieces=(b'{"title":"A lens"}',)),
    Ask("DELETE", ITEM, who="ada"),
    Ask("POST", "/v1/items/import", who="ada", headers=(("content-type", NDJSON),), pieces=(b'{"title":""}\n',)),
    Ask("GET", "/v1/items/export", who="ada"),
    Ask("GET", "/v1/users", who="ada"),
    Ask("PATCH", f"/v1/users/{NOBODY}", who="ada", headers=(("content-type", JSON),), pieces=(b'{"rank":1}',)),
    Ask("POST", "/v1/login", headers=(("content-type", JSON),), pieces=(b'{"email":"ada"}',)),
    Ask("POST", "/v1/users", headers=(("content-type", JSON),), pieces=(b'{"email":"ada"}',)),
    Ask("GET", "/health/live"),
    Ask("GET", "/problems"),
]

TEXT, HTML, PACKED = given(content_type="text/plain"), given(accept="text/html"), given(content_type=MSGPACK)
BAD, ENDED, NO_JSON = sent(query="limit=0"), sent(who="ended"), sent(pieces=(b"{",))
LARGE = given(content_length=str(10**18))
# What is done to each of them, and a status that at least one of them then has, lest nothing was done at all.
CHANGES: Final[dict[str, tuple[int, list[Change]]]] = {
    "nothing": (422, []),
    "by an administrator": (404, [sent(who="admin")]),
    "without a token": (401, [sent(who="")]),
    "without a token, and wrong otherwise": (401, [sent(who=""), TEXT, HTML, BAD, NO_JSON]),
    "with a bad token": (401, [sent(who=""), given(authorization="Bearer x.y.z")]),
    "with Basic": (401, [sent(who=""), given(authorization="Basic eDp5")]),
    "with two tokens": (401, [given(authorization="Bearer x.y.z")]),
    "in an ended session": (401, [ENDED]),
    "in an ended session, of no such type": (401, [ENDED, TEXT]),
    "in an ended session, for no such type": (401, [ENDED, HTML]),
    "in an ended session, too large": (401, [ENDED, LARGE]),
    "in an ended session, with a bad query": (401, [ENDED, BAD]),
    "in an ended session, with no JSON": (401, [ENDED, NO_JSON]),
    "by an ended administrator, with a bad query": (401, [sent(who="ended admin"), BAD]),
    "by somebody who is no administrator any more": (403, [sent(who="former admin")]),
    "by somebody who is no administrator any more, with a bad query": (403, [sent(who="former admin"), BAD]),
    "of no such type": (415, [TEXT]),
    "of a coded body": (415, [given(content_encoding="gzip")]),
    "for no such type": (406, [HTML]),
    "with a length that is too large": (413, [LARGE]),
    "with a body that is too large": (413, [sent(pieces=(TOO_MANY[:-9], TOO_MANY[-9:]))]),
    "with a body that is not sent to its end": (400, [sent(leaves=True)]),
    "with an unknown parameter": (422, [sent(query="colour=red")]),
    "with a parameter twice": (422, [sent(query="limit=1&limit=1")]),
    "with a bad parameter": (422, [BAD]),
    "with a bad cursor": (400, [sent(query="cursor=x", who="admin")]),
    "with a bad header": (422, [given(idempotency_key="x" * 300)]),
    "with no JSON": (400, [NO_JSON]),
    "with no JSON, and a bad parameter": (400, [NO_JSON, BAD]),
    "with no body": (400, [sent(pieces=(b"",))]),
    "with no MessagePack": (400, [PACKED, sent(pieces=(b"\xc1",))]),
    "with MessagePack": (422, [PACKED, sent(pieces=(msgspec.msgpack.encode({"title": ""}),))]),
    "for MessagePack": (200, [given(accept=MSGPACK)]),
    "for brotli": (200, [given(accept_encoding="br")]),
    "for gzip": (200, [given(accept_encoding="gzip;q=0.5, br;q=0.1")]),
    "as HEAD": (405, [sent(method="HEAD")]),
}
PATHS: Final = [
    *("/nowhere", "/", "", "*", "v1/items", "/V1/items", "/v1", "/v1/items/7", f"/v1/items/{str(NOBODY).upper()}"),
    *("//v1/items", "/v1//items", "/v1/items/", "/v1/items//", f"{ITEM}/", f"//{ITEM}", ITEM[1:], f"{ITEM}/more"),
    *(f"/v1/items/{NOBODY.hex}", f"/v1/items/{{{NOBODY}}}", f"/v1/items/{NOBODY} ", "/v1/items/ü", "/v1/items/.."),
]
HOSTS: Final = [
    *("lodestar.test:8000", "[::1]:80", "x_y", "a%20b", "user@host", "*"),
    *("a b", "<x>", "a\n", "é", "a/b"),
]


@pytest.fixture
async def people(
    superuser: Connection, app: Litestar, settings: Settings, ada: Person, admin: Person
) -> dict[str, Person]:
    """By name, with those whose tokens say more than there is."""
    found = {"ada": ada, "admin": admin}
    for name in ("ended", "ended admin", "former admin"):
        found[name] = one = await introduce(superuser, app, settings, "other", admin=name.endswith("admin"))
        if name.startswith("ended"):
            await superuser.execute("UPDATE sessions SET ended_at = now() WHERE user_id = %s", (one.id,))
        else:
            await superuser.execute("UPDATE users SET is_admin = false WHERE id = %s", (one.id,))
    return found


@pytest.fixture
def ways(app: Litestar, settings: Settings, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch) -> Ways:
    return Ways(app, settings, people, monkeypatch)


def ask_of(request: dict[str, Any]) -> Ask:
    headers = tuple(request["headers"].items())
    return Ask(request["method"], request["path"], headers=headers, pieces=(request.get("content", b""),))


def kinds(value: Any) -> Any:
    """What two bodies of one shape have in common."""
    match value:
        case dict():
            return [(name, kinds(one)) for name, one in value.items()]
        case list():
            return [kinds(one) for one in value]
    return type(value)


def shape(answered: Answered) -> Any:
    """All of an answer but what belongs to the one whom it was given to, and to the moment."""
    body = msgspec.json.decode(answered.body) if answered.body else None
    own = {"etag", "location", "content-length"}
    return answered.status, [(name, "" if name in own else value) for name, value in answered.headers], kinds(body)


@pytest.mark.parametrize("name", [name for name in ROUTES if name.startswith("GET ")])
async def test_what_is_read_is_the_same_to_the_byte(
    name: str, ways: Ways, client: httpx.AsyncClient, ada: Person, asked: Callable[[str], dict[str, Any]]
) -> None:
    await add_item(client, ada, description="x" * 1500)
    ask = ask_of(asked(name))
    plain = await ways.same(ask)
    assert (plain.status, plain.is_complete) == (200, True)
    tag = plain.header("etag")
    for more in ({"accept_encoding": "br"}, {"accept_encoding": "gzip"}, {"if_none_match": tag or "*"}):
        for change in (given(**more), given(**more, accept=MSGPACK)):
            for method in ("GET", "HEAD"):
                answered = await ways.same(changed(ask, change, sent(method=method)))
                assert method == "GET" or not answered.body
                if (
                    name.startswith("GET /v1/items")
                    and "{" not in name
                    and answered.status == 200
                    and "accept_encoding" in more
                ):
                    assert answered.header("content-encoding") == more["accept_encoding"]
    if tag:
        assert (await ways.same(changed(ask, given(if_none_match=tag)))).status == 304


@pytest.mark.parametrize("name", [name for name in ROUTES if not name.startswith("GET ")])
async def test_what_is_written_is_answered_in_the_same_way(
    name: str, ways: Ways, app: Litestar, client: httpx.AsyncClient, superuser: Connection, settings: Settings
) -> None:
    (route,) = (one for one in routes_of(app) if one.name == name)
    asks = []
    for _ in range(2):
        owner, admin = [await introduce(superuser, app, settings, who, admin=who == "admin") for who in ("o", "admin")]
        ids = await ids_of(client, owner, route.path)
        asks.append(ask_of(request_of(route, admin if ROUTES[name].who == "admin" else owner, ids)))
    served, framed = await ways.both(*asks)
    assert served.status == route.handler.status_code
    assert shape(served) == shape(framed)


@pytest.mark.parametrize("name", CHANGES)
async def test_what_is_refused_is_refused_in_the_same_words(name: str, ways: Ways) -> None:
    status, changes = CHANGES[name]
    asks = [changed(base, *changes) for base in BASES]
    statuses = {(await ways.same(ask, short=None if ask.method == "HEAD" else True)).status for ask in asks}
    assert status in statuses


@pytest.mark.parametrize("path", PATHS)
async def test_any_path_leads_to_the_same(path: str, ways: Ways) -> None:
    for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "get"):
        for root in ("", "/api"):
            for who in ("", "ada"):
                await ways.same(Ask(method, root + path, who=who, root_path=root), short=None)
                await ways.same(Ask(method, path, who=who, root_path=root), short=None)


@pytest.mark.parametrize("base", BASES, ids=lambda base: f"{base.method} {base.path}")
async def test_any_host_and_no_method_of_its_own_are_taken_in_the_same_way(base: Ask, ways: Ways) -> None:
    statuses = [(await ways.same(changed(base, sent(hosts=(one,))), short=None)).status for one in HOSTS]
    assert statuses.count(400) == 5
    for method, status in (("OPTIONS", 204), ("TRACE", 405), ("get", 405)):
        answered = await ways.same(changed(base, sent(method=method)), short=False)
        assert (answered.status, bool(answered.header("allow"))) == (status, True)


async def test_a_guard_and_another_origin_are_seen_in_the_same_way(
    settings_with: Callable[..., Settings], people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = "https://app.example"
    settings = settings_with(SIGNUP="closed", CORS_ORIGINS=origin)
    async with running(settings) as app:
        ways = Ways(app, settings, people, monkeypatch)
        for ask in BASES:
            for one in (origin, "https://evil.example"):
                answered = await ways.same(changed(ask, given(origin=one)))
                assert (answered.header("access-control-allow-origin") == origin) == (one == origin)
                assert answered.status == 403 or ask.path != "/v1/users"
            await ways.same(changed(ask, sent(query="colour=red")))
            await ways.same(changed(ask, given(origin=origin), sent(method="OPTIONS")), short=False)


@pytest.fixture
async def ways_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Ways]]:
    """The ways through an application that has one more handler, made with more options if there are any."""
    apps = []

    def made(handler: Any, **options: Any) -> Ways:
        def more(**own: Any) -> Litestar:
            return Litestar(
                **own
                | {name: [*own.get(name, []), *one] if isinstance(one, list) else one for name, one in options.items()}
            )

        monkeypatch.setattr("backend.app.Litestar", more)
        apps.append(app := create_app(settings))
        app.register(handler)
        happened.clear()
        return Ways(app, settings, {}, monkeypatch)

    yield made
    for app in apps:
        await app.state.passwords.close()


ours: Final = partial(get, exclude_from_auth=True)


# What a layer above can ask for as well as a handler.
FROM_ABOVE: Final = [
    name for name, (_, options) in MORE.items() if options and not options.keys() & {"sync_to_thread", "background"}
]


@pytest.mark.parametrize(
    ("name", "above"),
    [*((name, False) for name in MORE), *((name, True) for name in FROM_ABOVE)],
    ids=lambda one: {True: "a layer above", False: "the handler"}.get(one, one),
)
async def test_what_more_is_asked_for_is_done(name: str, above: bool, ways_of: Callable[..., Ways]) -> None:
    function, options = MORE[name]
    handler: Any = ours("/", **({} if above else options))(function)
    answered = await ways_of(Router("/more", route_handlers=[handler], **(options if above else {}))).same(
        Ask("GET", "/more"), short=False
    )
    assert MARK in f"{answered}{happened}"
    assert len(happened) in (0, 2)


@pytest.mark.parametrize("name", LESS)
async def test_what_else_is_said_of_a_handler_is_done_on_the_short_way(name: str, ways_of: Callable[..., Ways]) -> None:
    function, options = LESS[name]
    ways = ways_of(ours("/less", **options)(function))
    for accept in ("*/*", MSGPACK):
        for query in ("", "colour=red"):
            await ways.same(changed(Ask("GET", "/less", query), given(accept=accept, accept_encoding="br")))


async def test_an_answer_that_is_kept_is_given_again(ways_of: Callable[..., Ways]) -> None:
    first, again = await ways_of(ours("/kept", cache=60)(counted)).both(
        Ask("GET", "/kept"), Ask("GET", "/kept"), short=False
    )
    assert (first.body, again.body) == (b"1", b"1")


async def test_a_body_of_another_shape_is_left_to_the_framework(ways_of: Callable[..., Ways]) -> None:
    ways = ways_of(post("/read", dto=Named, return_dto=None, exclude_from_auth=True)(reading))
    for body in (b'{"as was asked":"A lens"}', b'{"title":"A lens"}'):
        ask = Ask("POST", "/read", headers=(("content-type", "application/json"),), pieces=(body,))
        await ways.same(ask, short=False)


async def test_a_handler_that_is_not_ours_is_left_to_the_framework(ways_of: Callable[..., Ways]) -> None:
    ways = ways_of(framework_get("/theirs", exclude_from_auth=True)(by_framework))
    assert MARK in f"{await ways.same(Ask('GET', '/theirs'), short=False)}"


ABOVE_ALL: Final[dict[str, dict[str, Any]]] = {
    "before_send": {"before_send": [before_send]},
    "middleware": {"middleware": [marking]},
    "after_exception": {"after_exception": [note]},
    "after_request": {"after_request": after_request},
    "after_response": {"after_response": note},
    "response_cookies": {"response_cookies": {"mark": "1"}},
    "exception_handlers": {"exception_handlers": EXCEPTION_HANDLERS | {ValueError: excuse}},
    "allowed_hosts": {"allowed_hosts": AllowedHostsConfig(["lodestar.example"])},
    "compression_config": {"compression_config": CompressionConfig("gzip", minimum_size=1)},
    "cors_config": {"cors_config": CORSConfig(["https://app.example"])},
    "csrf_config": {"csrf_config": CSRFConfig("secret" * 8)},
}


@pytest.mark.parametrize("name", ABOVE_ALL)
async def test_what_more_is_asked_for_all_handlers_is_done(name: str, ways_of: Callable[..., Ways]) -> None:
    def handler() -> Any:
        return post("/more", exclude_from_auth=True)(failing if "exception" in name else by_framework)

    ask = changed(Ask("POST", "/more"), given(origin="https://app.example", accept_encoding="gzip"))
    as_ever = await ways_of(handler()).same(ask)
    answered = await ways_of(handler(), **ABOVE_ALL[name]).same(ask, short=False)
    assert answered != as_ever or len(happened) == 2


@pytest.mark.parametrize("name", ANSWERS)
async def test_any_answer_is_sent_in_the_same_way(name: str, ways_of: Callable[..., Ways]) -> None:
    """A compressor that is left open complains when it is collected."""
    ways = ways_of(ours("/answers/{key:str}")(answering))
    for more in (
        {},
        {"accept": MSGPACK},
        {"accept_encoding": "br"},
        {"accept_encoding": "gzip"},
        {"if_none_match": '"7"'},
    ):
        for method in ("GET", "HEAD"):
            answered = await ways.same(changed(Ask(method, f"/answers/{name}"), given(**more)))
            assert answered.is_complete or name.startswith(("a start", "a Stream that fails"))
    gc.collect()


@pytest.mark.parametrize("kind", ["str", "path", "int", "uuid"])
async def test_a_handler_is_told_the_same_of_its_request(kind: str, ways_of: Callable[..., Ways]) -> None:
    ways = ways_of(ours(f"/told/{{key:{kind}}}")(telling))
    found = 0
    for key in ("7", "a b", "ä", "a/b", "a//b/", str(NOBODY), str(NOBODY).upper(), ".", "%2f"):
        for path in (f"/told/{key}", f"/told/{key}/", f"/told//{key}", f"//told/{key}", f"/told/{key}//"):
            for method in ("GET", "HEAD"):
                for root in ("", "/told", "/api"):
                    answered = await ways.same(Ask(method, path, root_path=root), short=None)
                    found += answered.status == 200 and b'"own":"True"' in answered.body
    assert found


@pytest.mark.parametrize("name", ERRORS)
async def test_any_error_is_answered_in_the_same_way(name: str, ways_of: Callable[..., Ways]) -> None:
    ways = ways_of(ours("/errors/{key:str}")(raising))
    for more in ({}, {"accept": MSGPACK}, {"accept_encoding": "br"}):
        answered = await ways.same(changed(Ask("GET", f"/errors/{name}"), given(**more)))
        assert answered.header("content-type") == "application/problem+json"
        assert b"secret" not in answered.body
