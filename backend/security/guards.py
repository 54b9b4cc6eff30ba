"""Who may use a route at all, decided before its body is read."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from backend.database.context import Doors
from queries import administration


async def require_admin(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """403 comes before 422. Each gate function decides anew whether the caller is an administrator; the hint in the
    token only spares an administrator this look-up, and somebody promoted since log-in is not kept waiting for it.

    Raises NotAdmin (403), through the database.
    """
    if not connection.user.admin:
        doors: Doors = connection.app.state.doors
        await administration.require_admin(doors.open(connection.scope))
