"""Each attack does notice what it is for: routes that have one fault each are attacked like any other."""

import pytest

from tests.conftest import client_of
from tests.expected import ROUTES
from tests.routes import routes_of
from tests.security.attacks.attacking import attack_with
from tests.security.attacks.faults import FAULTS, WITH_BODY, Faults
from tests.security.attacks.stage import Stage, gather
from tests.security.attacks.table import cases_of


@pytest.fixture(scope="module")
def faulty(stage: Stage) -> Stage:
    stage.app.register(Faults)
    stage.app.state.superuser = stage.superuser
    return stage


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_noticed_where_it_is(name: str, faulty: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROUTES, "POST /faults/walks", WITH_BODY)
    line, noticed = FAULTS[name]
    (route,) = (route for route in routes_of(faulty.app) if route.name == name)
    async with client_of(faulty.app, faulty.settings) as client:
        cast = await gather(faulty, client)
        with pytest.raises(AssertionError, match=noticed):
            await attack_with(cast, cases_of(route, line))
