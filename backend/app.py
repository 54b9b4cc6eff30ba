"""The one place that knows every part."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import ASGIApp, ControllerRouterHandler, Scope

from backend.answers import Answer
from backend.body import Body
from backend.controllers.administration import AdministrationController
from backend.controllers.bulk import BulkController
from backend.controllers.documentation import documentation
from backend.controllers.health import HealthController
from backend.controllers.items import ItemController
from backend.controllers.login import LoginController
from backend.controllers.problems import ProblemController
from backend.controllers.sessions import SessionController
from backend.controllers.users import UserController
from backend.controllers.wellknown import WellKnownController
from backend.cors import CrossOrigin, Preflights
from backend.database.context import Doors
from backend.database.pool import create_pool
from backend.database.probe import Probe
from backend.edge import Edge
from backend.faults import EXCEPTION_HANDLERS
from backend.logs import configure_logs
from backend.negotiation import Negotiation, before_handler
from backend.security.authentication import BearerAuthentication
from backend.security.guards import recheck
from backend.security.passwords import Passwords
from backend.security.tokens import AccessTokens
from backend.services.accounts import Accounts
from backend.services.logins import Logins
from backend.services.origins import Origin, Origins
from backend.settings import Settings
from backend.shortcut import Shortcut
from backend.streams import Streams

MAX_BODY_BYTES = 1024 * 1024

V1 = [
    UserController,
    AdministrationController,
    LoginController,
    SessionController,
    BulkController,
    ItemController,
]


def api() -> list[ControllerRouterHandler]:
    """Every route that the API has. A function, for a router belongs to the one application that takes it."""
    return [Router("/v1", route_handlers=V1), HealthController, WellKnownController, ProblemController]


def create_app(settings: Settings) -> Litestar:
    """Builds the application and opens nothing: the pool opens in the lifespan, in whichever loop runs it."""
    pool, probe = create_pool(settings), Probe(settings)
    passwords, access = Passwords(settings), AccessTokens(settings)
    doors = Doors(pool, settings)
    origins, streams = Origins(settings), Streams(max(1, settings.pool_max_size // 4))
    logins, accounts = Logins(settings, passwords, access), Accounts(settings, passwords)

    def origin_of(scope: Scope) -> Origin:
        return origins.of(scope)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with pool:
            looking = asyncio.create_task(probe.run())
            try:
                yield
            finally:
                looking.cancel()
                with suppress(asyncio.CancelledError):
                    await looking
                await passwords.close()

    app = Litestar(
        route_handlers=[*api(), documentation()] if settings.docs else api(),
        dependencies={
            "conn": Provide(doors.open, sync_to_thread=False),
            "origin": Provide(origin_of, sync_to_thread=False),
            "logins": Provide(lambda: logins, sync_to_thread=False),
            "accounts": Provide(lambda: accounts, sync_to_thread=False),
            "access": Provide(lambda: access, sync_to_thread=False),
            "streams": Provide(lambda: streams, sync_to_thread=False),
            "probe": Provide(lambda: probe, sync_to_thread=False),
        },
        middleware=[
            DefineMiddleware(BearerAuthentication, tokens=access),
            DefineMiddleware(Negotiation, stream_max_bytes=settings.import_max_bytes),
        ],
        before_request=before_handler,
        after_exception=[recheck],
        exception_handlers=EXCEPTION_HANDLERS,
        request_class=Body,
        response_class=Answer,
        request_max_body_size=MAX_BODY_BYTES,
        lifespan=[lifespan],
        openapi_config=None,
        logging_config=None,
    )
    app.state.settings, app.state.doors, app.state.pool = settings, doors, pool
    app.state.passwords, app.state.access = passwords, access
    return app


def at_the_edge(app: Litestar, settings: Settings) -> ASGIApp:
    """The application as it is served."""
    short = Shortcut(app, app.state.access, settings.import_max_bytes)
    if not settings.cors_origins:
        return Edge(short, settings, app.state.passwords.is_full)
    cross_origin = CrossOrigin(settings.cors_origins)
    return Edge(Preflights(short, cross_origin), settings, app.state.passwords.is_full, cross_origin)


def serve_app(settings: Settings) -> ASGIApp:
    """What granian calls in each worker."""
    configure_logs(settings)
    return at_the_edge(create_app(settings), settings)
