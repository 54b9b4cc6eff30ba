"""The application does what its document says, for whatever can be made of the document."""

from datetime import timedelta
from typing import Any, Final

import httpx
import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup

from tests.contract.conftest import Probing
from tests.contract.fuzzing import CHECKS, can_be_wrong, covering, operations
from tests.expected import ROUTES
from tests.routes import NOBODY

# The same ones every time, for what fails in one run has to fail in the next.
BOUNDED: Final = hypothesis.settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

every_operation = pytest.mark.parametrize("name", operations())


@every_operation
def test_what_a_route_is_for_is_answered_as_documented(name: str, probing: Probing) -> None:
    probing.runner.run(probing.prober.succeed(operations()[name]))


# Where no token is wanted it does not matter whose comes.
ASKED: Final = [
    (name, who) for name in operations() for who in ("user", "admin") if who == "user" or ROUTES[name].who != "anyone"
]


@pytest.mark.parametrize(("name", "who"), ASKED)
def test_every_bound_and_every_mistake_is_answered_as_documented(name: str, who: str, probing: Probing) -> None:
    for case in covering(operations()[name]):
        for own in {False, case.meta.generation.mode.is_positive}:
            probing.runner.run(probing.prober.probe(case, who, own=own))


MADE: Final = [
    (name, mode)
    for name, operation in operations().items()
    for mode in GenerationMode
    if mode.is_positive or can_be_wrong(operation)
]


@pytest.mark.parametrize(("name", "mode"), MADE)
def test_anything_is_answered_as_documented(name: str, mode: GenerationMode, probing: Probing) -> None:
    @BOUNDED
    @hypothesis.given(operations()[name].as_strategy(mode), st.sampled_from(["user", "admin"]), st.booleans())
    def probed(case: Case, who: str, own: bool) -> None:
        probing.runner.run(probing.prober.probe(case, who, own=own))

    probed()


HEADERS: Final = {"x-request-id": str(NOBODY), "vary": "Accept, Accept-Encoding"}
RIGHT: Final[dict[str, Any]] = {"status_code": 200, "json": {"status": "ok"}, "headers": HEADERS}
SEEDED: Final[dict[str, dict[str, Any]]] = {
    "a fault of ours": {"status_code": 500},
    "a status": {"status_code": 418},
    "a media type": {"headers": HEADERS | {"content-type": "text/plain"}},
    "a body": {"json": {"status": "well"}},
    "one that is no MessagePack": {"headers": HEADERS | {"content-type": "application/vnd.msgpack"}},
}


def validate(made: dict[str, Any]) -> None:
    answer = httpx.Response(**made, request=httpx.Request("GET", "http://lodestar.test/health/live"))
    answer.elapsed = timedelta()
    operations()["GET /health/live"].Case().validate_response(answer, CHECKS)


@pytest.mark.parametrize("fault", SEEDED)
def test_what_is_not_documented_is_noticed(fault: str) -> None:
    validate(RIGHT)
    with pytest.raises(FailureGroup):
        validate(RIGHT | SEEDED[fault])
