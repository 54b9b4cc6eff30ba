"""Whether the process lives, and whether it is ready for traffic."""

from typing import Literal

from litestar import Controller
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from msgspec import Struct

from backend.answers import Answer
from backend.database.probe import Probe
from backend.handlers import get


class Live(Struct, frozen=True):
    status: Literal["ok"]


class Ready(Struct, frozen=True):
    status: Literal["ready", "unready"]


UNREADY = ResponseSpec(Ready, examples=[Example(value=Ready("unready"))])


class HealthController(Controller):
    path = "/health"
    tags = ["Service"]

    @get("/live", exclude_from_auth=True)
    async def live(self) -> Live:
        """Say that the process answers. Touches nothing."""
        return Live("ok")

    @get("/ready", exclude_from_auth=True, responses={503: UNREADY})
    async def ready(self, probe: NamedDependency[Probe]) -> Answer[Ready]:
        """Say whether to send traffic here. Unready while the database is away, its schema is too old, or we drain."""
        if probe.ready:
            return Answer(Ready("ready"))
        return Answer(Ready("unready"), status_code=503, headers={"Retry-After": "1"})
