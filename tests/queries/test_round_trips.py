"""What each route costs in round trips to PostgreSQL: counted on the wire, held against CONTRACT.md.

The tests are the table: `pytest tests/queries/test_round_trips.py -v` shows it.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.expected import ROUTES
from tests.expected.shapes import JSON
from tests.wire import Wired

OPEN: Final = {name for name, route in ROUTES.items() if route.who == "anyone"}
WITH_BODY: Final = [name for name, route in ROUTES.items() if route.body is not None and route.media == JSON]


@pytest.mark.parametrize("name", [f"{name}: {route.trips}" for name, route in ROUTES.items()])
async def test_a_route_costs(name: str, wired: Wired, asked: Callable[[str], dict[str, Any]]) -> None:
    name, _, expected = name.rpartition(": ")
    status, trips = await wired.cost(**asked(name))
    assert (status < 300, trips) == (True, int(expected))


@pytest.mark.parametrize("name", [name for name in ROUTES if name.startswith("GET")])
async def test_head_costs_what_get_costs(name: str, wired: Wired, asked: Callable[[str], dict[str, Any]]) -> None:
    assert await wired.cost(**asked(name) | {"method": "HEAD"}) == (200, ROUTES[name].trips)


@pytest.mark.parametrize("name", WITH_BODY)
async def test_what_is_refused_unread_costs_at_most_a_look_at_the_session(
    name: str, wired: Wired, asked: Callable[[str], dict[str, Any]]
) -> None:
    """Where a token is wanted 401 comes first, and whether its session still lives only the database knows."""
    cost = 0 if name in OPEN else 1
    request = asked(name)
    text = {"headers": {name: value for name, value in request["headers"].items() if name != "content-type"}}
    assert await wired.cost(**request | text | {"content": b"<xml/>"}) == (415, cost)
    assert await wired.cost(**request | {"content": b"{"}) == (400, cost)
    assert await wired.cost(**request | {"content": b'{"nonsense":1}'}) == (422, cost)
