"""Who may use a route at all, decided before what was sent is looked at."""

from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from backend.database.context import Doors
from backend.errors import SignupClosed, WrongPassword
from queries import administration, sessions

_NEGOTIATED: Final = frozenset({406, 413, 415})
_UNREADABLE: Final = frozenset({400, 422})


async def require_admin(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """403 comes before 422. Each gate function decides anew whether the caller is an administrator; the hint in the
    token only spares an administrator this look-up, and somebody promoted since log-in is not kept waiting for it.

    OPTIONS inherits this guard, and is answered to anybody. Raises NotAdmin (403), through the database.
    """
    if connection.scope.get("method") != "OPTIONS" and not connection.user.admin:
        doors: Doors = connection.app.state.doors
        await administration.require_admin(doors.open(connection.scope))


async def require_open_signup(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Raises SignupClosed (403)."""
    if connection.app.state.settings.signup == "closed":
        raise SignupClosed


async def recheck(error: Exception, scope: Scope) -> None:
    """Runs before a refusal is answered: 401 comes before 415, and 403 before 422.

    A token is verified without a query. Whether its session has ended, and whether its user is an administrator still,
    comes out with the handler's statement; a request that is refused before there was one is looked up here.

    Raises InvalidToken (401) and NotAdmin (403), through the database.
    """
    status = error.status_code if isinstance(error, HTTPException) else 0
    if scope.get("user") is None or status not in _NEGOTIATED | _UNREADABLE or isinstance(error, WrongPassword):
        return
    conn = scope["litestar_app"].state.doors.open(scope)
    if status in _UNREADABLE and require_admin in scope["route_handler"].resolve_guards():
        await administration.require_admin(conn)
    else:
        await sessions.require(conn)
