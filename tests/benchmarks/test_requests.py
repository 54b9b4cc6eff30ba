"""What a request costs: its round trips and statements are held against the table, its CPU time is only shown.

`pytest -m benchmark` asks long enough for the times to mean something; among all the other tests they are a sample.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import pytest

from tests.benchmarks.asking import Request, ask, ask_all
from tests.benchmarks.callers import ITEMS
from tests.benchmarks.conftest import Counted, Straight
from tests.benchmarks.measuring import backend_seconds
from tests.benchmarks.reporting import PROPERTY

pytestmark = pytest.mark.benchmark


class Cost(NamedTuple):
    """Of one request, when nobody else asks. The identity is a statement of its own, in the same round trip."""

    round_trips: int
    statements: int


PAGE: Final = f"GET /v1/items?limit={ITEMS}"
COST: Final = {
    "GET /health/live": Cost(0, 0),
    "GET /v1/users/me": Cost(1, 2),
    PAGE: Cost(1, 2),
    "GET /v1/items/{item_id}": Cost(1, 2),
    "POST /v1/items": Cost(1, 2),
    "POST /v1/login/refresh": Cost(1, 2),
}
SHORT: Final = 32
LONG: Final = 3200


@pytest.fixture(scope="module")
def number(request: pytest.FixtureRequest) -> int:
    """How many requests are asked for a figure."""
    return LONG if request.config.option.markexpr == "benchmark" else SHORT


@pytest.mark.parametrize("route", COST)
def test_a_request_costs(route: str, counted: Counted, straight: Straight, runner: asyncio.Runner) -> None:
    async def cost(asked: Request) -> Cost:
        before, statements = counted.wire.trips, counted.wire.statements
        assert (await ask(counted.app, asked)).status < 300
        sent, turns = (now - then for now, then in zip(counted.wire.trips, before, strict=True))
        assert sent == turns, "two messages wanted an answer in one turn, or one in two"
        return Cost(turns, counted.wire.statements - statements)

    async def costs() -> list[Cost]:
        await cost(straight.callers[0].request(route))  # What happens once on a connection is not asked for each time.
        return [await cost(caller.request(route)) for caller in straight.callers]

    assert set(runner.run(costs())) == {COST[route]}


class Spent(NamedTuple):
    """CPU microseconds of one request."""

    app: float
    postgres: float


async def spend(straight: Straight, batches: Sequence[Sequence[Request]]) -> Spent:
    """The batches are asked at the same time, the requests of each one after the other."""
    postgres, app = backend_seconds(straight.backends), time.process_time()
    answers = await asyncio.gather(*(ask_all(straight.app, batch) for batch in batches))
    app, postgres = time.process_time() - app, backend_seconds(straight.backends) - postgres
    statuses = [answer.status for batch in answers for answer in batch]
    assert max(statuses) < 300
    return Spent(*(seconds / len(statuses) * 1e6 for seconds in (app, postgres)))


def requests_of(straight: Straight, route: str, each: int) -> list[list[Request]]:
    """What each caller asks, in this order: a refresh token is made for the one after the one before."""
    return [[caller.request(route) for _ in range(each)] for caller in straight.callers]


@pytest.mark.parametrize("route", COST)
def test_what_a_request_spends_is_shown(
    route: str,
    straight: Straight,
    runner: asyncio.Runner,
    number: int,
    record_property: Callable[[str, object], None],
) -> None:
    each = number // len(straight.callers)
    runner.run(spend(straight, requests_of(straight, route, 2)))  # What happens once on a connection.
    in_turn = [one for turn in zip(*requests_of(straight, route, each), strict=True) for one in turn]
    alone = runner.run(spend(straight, [in_turn]))
    together = runner.run(spend(straight, requests_of(straight, route, each)))
    costs = COST[route]._asdict() | {"alone": alone._asdict(), "together": together._asdict()}
    record_property(PROPERTY, {"route": route, "requests": len(in_turn)} | costs)


def test_the_page_that_is_asked_for_is_full(straight: Straight, runner: asyncio.Runner) -> None:
    for caller in straight.callers:
        answer = runner.run(ask(straight.app, caller.request(PAGE)))
        assert [item["owner_id"] for item in msgspec.json.decode(answer.body)["items"]] == [caller.id] * ITEMS
