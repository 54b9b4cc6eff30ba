"""What a handler is given of the database: a door that opens as the caller."""

from litestar.types import Scope

from backend.database.connections import Connections
from backend.security.tokens import Principal
from backend.settings import Settings
from queries._fetch import Conn
from queries.context import Context


class Doors:
    """Makes a door for each request. It borrows no connection until a statement is run, and so cannot leak one."""

    def __init__(self, pool: Connections, settings: Settings) -> None:
        self._pool = pool
        self._timeout_ms = round(settings.statement_timeout * 1000)

    def open(self, scope: Scope) -> Conn:
        """As whoever the access token says, or as nobody; GET, and HEAD with it, may only read."""
        read_only = scope.get("method") == "GET"
        principal: Principal | None = scope.get("user")
        if principal is None:
            return Conn(self._pool, Context(self._timeout_ms, read_only))
        context = Context(self._timeout_ms, read_only, principal.user_id, principal.session_id)
        return Conn(self._pool, context)
