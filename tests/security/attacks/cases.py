"""What one case of an attack is."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from tests.asking import request_of
from tests.expected import shapes as expected
from tests.people import Person
from tests.routes import Route
from tests.security.attacks.stage import Cast

type Request = dict[str, Any]
type Prepared = Callable[[Cast, Request], Awaitable[None]]


async def nothing(_: Cast, __: Request) -> None:
    """The request is sent as it is."""


class Target(NamedTuple):
    """A route under attack, by one of its methods, and what is expected of it."""

    route: Route
    line: expected.Route
    method: str

    @property
    def is_for_admins(self) -> bool:
        return self.line.who == "admin"

    @property
    def guest(self) -> str:
        """The one who may use it, and whom nothing is of that an attack names."""
        return "admin" if self.is_for_admins else "other"

    def request(self, asks: Person, ids: Mapping[str, str]) -> Request:
        """One that succeeds if the ids are of somebody who asks, or if an administrator may do this."""
        return request_of(self.route, asks, ids, self.line) | {"method": self.method}


class Case(NamedTuple):
    """Somebody's request, and its status. `field` is what a 422 has to name.

    `asks` is "owner", "other" or "admin", or what opens nothing (see `stage.REFUSED`). He has all that he needs, in
    `things` of "owner" or of himself; `prepared` changes the request into the attack.
    """

    target: Target
    name: str
    asks: str
    expected: int
    things: str = "owner"
    prepared: Prepared = nothing
    field: str = ""

    @property
    def where(self) -> str:
        return f"{self.target.method} {self.target.route.path} as {self.asks}, {self.name}"

    @property
    def may_see(self) -> bool:
        """Whether the answer may show what is the owner's."""
        return self.expected < 400 and (self.asks == "owner" or (self.asks == "admin" and self.target.is_for_admins))

    async def request(self, cast: Cast) -> Request:
        person = cast.people.get(self.asks) or cast.people["other" if self.target.line.who == "anyone" else "owner"]
        request = self.target.request(person, cast.ids[self.things])
        if self.asks in cast.refused:
            request["headers"] = {name: text for name, text in request["headers"].items() if name != "authorization"}
            request["headers"] |= cast.refused[self.asks]
        await self.prepared(cast, request)
        return request
