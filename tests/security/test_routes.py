"""Every route says by name in `tests/expected` who may use it, and a route that is not named fails.

That it does what it says is tried in `test_attacks_on_routes.py`.
"""

from collections.abc import Callable

import pytest
from litestar import Litestar

from backend.security.guards import require_admin
from backend.settings import Settings
from tests.conftest import client_of, running
from tests.expected import IDS, ROUTES
from tests.routes import routes_of


@pytest.mark.checklist(46)
def test_every_route_says_who_may_use_it(app: Litestar) -> None:
    names = {route.name for route in routes_of(app)}
    assert not names - ROUTES.keys(), "give each a line in ROUTES of its resource's module in tests/expected"
    assert not ROUTES.keys() - names, "there are no such routes: take their lines out of tests/expected"


@pytest.mark.checklist(46)
def test_what_a_route_says_is_what_it_does(app: Litestar) -> None:
    for route in (one for one in routes_of(app) if one.name in ROUTES):
        who = ROUTES[route.name].who
        guards = [getattr(guard, "func", guard) for guard in route.handler.resolve_guards()]
        assert bool(route.handler.opt.get("exclude_from_auth")) == (who == "anyone"), route.name
        assert (require_admin in guards) == (who == "admin"), route.name


def test_every_id_in_a_path_says_how_one_comes_to_have_it(app: Litestar) -> None:
    named = {part[1:-1] for route in routes_of(app) for part in route.path.split("/") if part.startswith("{")}
    assert named == set(IDS), "IDS in tests/expected say for each parameter of a path how somebody comes to have it"


@pytest.mark.checklist(71)
async def test_documentation_is_for_anyone_and_can_be_off(settings_with: Callable[..., Settings]) -> None:
    without = settings_with(DOCS="off")
    async with running(without) as app, client_of(app, without) as client:
        missing = set(ROUTES) - {route.name for route in routes_of(app)}
        assert missing == {name for name in ROUTES if name.startswith(("GET /docs", "GET /openapi.json"))}
        assert {ROUTES[name].who for name in missing} == {"anyone"}
        assert (await client.get("/openapi.json")).status_code == 404
        assert (await client.get("/docs")).status_code == 404
