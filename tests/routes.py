"""The routes that an application really has, for the tests that walk all of them."""

import re
from typing import Final, NamedTuple
from uuid import UUID

from litestar import Litestar, Router
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

NOBODY: Final = UUID("01890000-0000-7000-8000-000000000000")
_DIGEST: Final = re.compile(r"(?<=/)[0-9a-f]{16}(?=/)")  # In the address of a file that is cached for ever.


class Route(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    handler: HTTPRouteHandler

    @property
    def name(self) -> str:
        """As in the contract: "GET /v1/items/{item_id}"."""
        return f"{self.method} {_DIGEST.sub('{digest}', self.path)}"

    @property
    def address(self) -> str:
        """The path with an id in it that nothing has."""
        return "/".join(str(NOBODY) if part.startswith("{") else part for part in self.path.split("/"))


def routes_of(app: Litestar | Router) -> list[Route]:
    """Every method of every path, without the OPTIONS that the framework adds."""
    return [
        Route(str(method), route.path_format, handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in sorted(handler.http_methods)
        if method != "OPTIONS"
    ]
