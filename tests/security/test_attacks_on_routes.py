"""Every route is attacked, generated from the routes themselves and from `tests/expected`."""

import pytest

from tests.conftest import client_of
from tests.expected import ROUTES
from tests.routes import routes_of
from tests.security.attacks.attacking import attack_with
from tests.security.attacks.stage import Stage, gather
from tests.security.attacks.table import cases_of


@pytest.mark.checklist(21, 23, 24, 25, 29, 44, 45, 46, 65)
@pytest.mark.parametrize("reads", ["shared", "alone"])
@pytest.mark.parametrize("name", ROUTES)
async def test_a_route_gives_nobody_what_is_not_his(
    name: str, reads: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not cheap reads share a message."""
    if reads == "alone":
        monkeypatch.setattr(stage.app.state.pool, "reads", None)
    (route,) = (route for route in routes_of(stage.app) if route.name == name)
    async with client_of(stage.app, stage.settings) as client:
        cast = await gather(stage, client)
        await attack_with(cast, cases_of(route, ROUTES[name]))
