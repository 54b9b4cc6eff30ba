"""Every route, and HEAD: who may use it is said here by name, and a route that is not named fails."""

from base64 import b64encode
from collections.abc import Callable
from time import time
from typing import Any, Final
from uuid import uuid4

import httpx
import jwt
import pytest
from litestar import Litestar

from backend.security.guards import require_admin
from backend.security.keyring import new_signing_key
from backend.security.tokens import AccessTokens
from backend.settings import Settings
from tests.conftest import client_of, running
from tests.database import Connection, introduce
from tests.people import Person
from tests.routes import Route, routes_of

ANYONE: Final = {
    "GET /health/live",
    "GET /health/ready",
    "GET /.well-known/jwks.json",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/{digest}/swagger-ui.css",
    "GET /docs/{digest}/swagger-ui-bundle.js",
    "GET /docs/{digest}/start.js",
    "GET /problems",
    "GET /problems/{code}",
    "POST /v1/users",
    "POST /v1/login",
    "POST /v1/login/refresh",
}
USER: Final = {
    "POST /v1/logout",
    "GET /v1/users/me",
    "PATCH /v1/users/me",
    "POST /v1/users/me/deletion",
    "PUT /v1/users/me/password",
    "GET /v1/sessions",
    "DELETE /v1/sessions/{session_id}",
    "GET /v1/items",
    "POST /v1/items",
    "POST /v1/items/batch",
    "POST /v1/items/import",
    "GET /v1/items/export",
    "GET /v1/items/{item_id}",
    "PATCH /v1/items/{item_id}",
    "DELETE /v1/items/{item_id}",
}
ADMIN: Final = {
    "GET /v1/users",
    "GET /v1/users/{user_id}",
    "PATCH /v1/users/{user_id}",
    "DELETE /v1/users/{user_id}",
    "GET /v1/users/{user_id}/sessions",
    "DELETE /v1/users/{user_id}/sessions",
}


def with_head(routes: list[Route]) -> list[tuple[str, str]]:
    """Method and address of each, and of a GET its HEAD."""
    asked = [(route.method, route.address) for route in routes]
    return asked + [("HEAD", address) for method, address in asked if method == "GET"]


def closed(app: Litestar) -> list[tuple[str, str]]:
    return with_head([route for route in routes_of(app) if route.name not in ANYONE])


@pytest.mark.checklist(46)
def test_every_route_says_who_may_use_it(app: Litestar) -> None:
    assert {route.name for route in routes_of(app)} == ANYONE | USER | ADMIN


@pytest.mark.checklist(46)
def test_what_a_route_says_is_what_it_does(app: Litestar) -> None:
    for route in routes_of(app):
        guards = [getattr(guard, "func", guard) for guard in route.handler.resolve_guards()]
        assert bool(route.handler.opt.get("exclude_from_auth")) == (route.name in ANYONE), route.name
        assert (require_admin in guards) == (route.name in ADMIN), route.name


@pytest.mark.checklist(46, 65)
async def test_without_a_token_nothing_answers_but_what_is_for_anyone(app: Litestar, client: httpx.AsyncClient) -> None:
    assert len(closed(app)) > 20
    for method, address in closed(app):
        answer = await client.request(method, address)
        assert answer.status_code == 401, (method, address)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["cache-control"] == "no-store"
        assert (answer.content == b"") == (method == "HEAD")


async def test_what_is_for_anyone_asks_nobody_for_a_token(app: Litestar, client: httpx.AsyncClient) -> None:
    for method, address in with_head([route for route in routes_of(app) if route.name in ANYONE]):
        assert (await client.request(method, address)).status_code != 401, (method, address)


@pytest.mark.checklist(46)
async def test_who_is_no_administrator_is_refused_wherever_one_is_wanted(
    app: Litestar, client: httpx.AsyncClient, ada: Person
) -> None:
    """Also with a body that breaks the contract, for 403 comes first; and on one's own account."""
    for route in routes_of(app):
        if route.name in ADMIN:
            for address in (route.address, route.path.format(user_id=ada.id)):
                body = {"nonsense": 1} if route.method == "PATCH" else None
                answer = await client.request(route.method, address, headers=ada, json=body)
                assert (answer.status_code, answer.json()["code"]) == (403, "not_admin"), route.name


@pytest.mark.checklist(71)
async def test_documentation_is_for_anyone_and_can_be_off(settings_with: Callable[..., Settings]) -> None:
    without = settings_with(DOCS="off")
    async with running(without) as app, client_of(app, without) as client:
        missing = ANYONE - {route.name for route in routes_of(app)}
        assert missing == {name for name in ANYONE if name.startswith(("GET /docs", "GET /openapi.json"))}
        assert (await client.get("/openapi.json")).status_code == 404
        assert (await client.get("/docs")).status_code == 404


def no_access_tokens(app: Litestar, settings: Settings, ada: Person) -> dict[str, str]:
    """Whatever else is a token, or looks like one, by what it is; each in the header Authorization."""
    access = ada.tokens["access_token"]
    principal = app.state.access.verify(access)
    now = int(time())
    kid = jwt.get_unverified_header(access)["kid"]
    claims = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": str(principal.user_id),
        "sid": str(principal.session_id),
        "jti": uuid4().hex,
        "iat": now,
        "exp": now + 60,
        "adm": False,
    }

    def signed(key: str = settings.jwt_signing_key, typ: str = "at+jwt", **changed: Any) -> str:
        changed = {name: value for name, value in (claims | changed).items() if value is not None}
        return f"Bearer {jwt.encode(changed, key, 'EdDSA', {'typ': typ, 'kid': kid})}"

    assert app.state.access.verify(signed().removeprefix("Bearer ")).user_id == principal.user_id
    public = b"".join(settings.jwt_signing_key.encode().split())
    foreign = AccessTokens(settings)
    foreign.rotate(new_signing_key(), ())
    return {
        "a refresh token": f"Bearer {ada.tokens['refresh_token']}",
        "one for another purpose": signed(typ="mfa+jwt"),
        "one of no type": signed(typ="JWT"),
        "one for another audience": signed(aud="lodestar-reset"),
        "one for two audiences": signed(aud=[settings.jwt_audience, "other"]),
        "one without an audience": signed(aud=None),
        "one of another issuer": signed(iss="somebody"),
        "one that has expired": signed(iat=now - 700, exp=now - 100),
        "one for a year": signed(exp=now + 365 * 86_400),
        "one of tomorrow": signed(iat=now + 86_400, exp=now + 86_460),
        "one without a session": signed(sid=None),
        "one of another key": f"Bearer {foreign.issue(principal.user_id, principal.session_id, True)}",
        "one of another key under our kid": signed(key=new_signing_key()),
        "one with a shared secret": f"Bearer {jwt.encode(claims, public, 'HS256', {'typ': 'at+jwt', 'kid': kid})}",
        "one that nobody signed": f"Bearer {jwt.encode(claims, '', 'none', {'typ': 'at+jwt', 'kid': kid})}",
        "the right one by another scheme": f"Basic {access}",
        "a password": f"Basic {b64encode(f'{ada.email}:password'.encode()).decode()}",
        "junk": "Bearer eyJhbGciOiJub25lIn0.e30.",
        "nothing": "Bearer ",
    }


@pytest.mark.checklist(21, 23, 24, 25)
async def test_no_other_token_opens_any_route(
    app: Litestar, settings: Settings, client: httpx.AsyncClient, ada: Person
) -> None:
    for name, header in no_access_tokens(app, settings, ada).items():
        for method, address in closed(app):
            answer = await client.request(method, address, headers={"authorization": header})
            assert answer.status_code == 401, (name, method, address)
            assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.checklist(29, 65)
@pytest.mark.parametrize("ending", ["ended_at = now()", "expires_at = now() - interval '1 second'"])
async def test_a_token_whose_session_is_over_opens_no_route(
    ending: str, app: Litestar, client: httpx.AsyncClient, ada: Person, superuser: Connection
) -> None:
    await superuser.execute(f"UPDATE sessions SET {ending} WHERE user_id = %s".encode(), (ada.id,))
    for method, address in closed(app):
        answer = await client.request(method, address, headers=ada, json={} if method[0] == "P" else None)
        assert answer.status_code == 401, (method, address)


@pytest.mark.checklist(29, 65)
async def test_a_token_whose_user_is_gone_opens_no_route(
    app: Litestar, settings: Settings, client: httpx.AsyncClient, admin: Person, ada: Person, superuser: Connection
) -> None:
    await introduce(superuser, app, settings, "other", admin=True)  # For the last one cannot go.
    await superuser.execute("DELETE FROM users WHERE id IN (%s, %s)", (ada.id, admin.id))
    for method, address in closed(app):
        for gone in (ada, admin):
            answer = await client.request(method, address, headers=gone, json={} if method[0] == "P" else None)
            assert answer.status_code == 401, (method, address)
