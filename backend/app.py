"""The one place that knows every part."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.types import ASGIApp

from backend.body import Body
from backend.controllers.administration import AdministrationController
from backend.controllers.health import HealthController
from backend.controllers.items import ItemController
from backend.controllers.login import LoginController
from backend.controllers.sessions import SessionController
from backend.controllers.users import UserController
from backend.controllers.wellknown import WellKnownController
from backend.database.context import Doors
from backend.database.pool import create_pool
from backend.database.probe import Probe
from backend.edge import Edge
from backend.faults import EXCEPTION_HANDLERS
from backend.logs import configure_logs
from backend.negotiation import negotiate, refuse_unknown_parameters
from backend.security.authentication import BearerAuth
from backend.security.passwords import Passwords
from backend.security.tokens import AccessTokens
from backend.services.accounts import Accounts
from backend.services.logins import Logins
from backend.services.origins import Origins
from backend.settings import Settings

MAX_BODY_BYTES = 1024 * 1024

V1 = [
    UserController,
    AdministrationController,
    LoginController,
    SessionController,
    ItemController,
]


def create_app(settings: Settings) -> Litestar:
    """Builds the application and opens nothing: the pool opens in the lifespan, in whichever loop runs it."""
    pool, probe = create_pool(settings), Probe(settings)
    passwords, access = Passwords(settings), AccessTokens(settings)
    doors = Doors(pool, settings)
    logins, accounts = Logins(settings, passwords, access), Accounts(settings, passwords)

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
                passwords.close()

    app = Litestar(
        route_handlers=[HealthController, WellKnownController, Router("/v1", route_handlers=V1)],
        dependencies={
            "conn": Provide(doors.provide, sync_to_thread=False),
            "origin": Provide(Origins(settings).provide, sync_to_thread=False),
            "logins": Provide(lambda: logins, sync_to_thread=False),
            "accounts": Provide(lambda: accounts, sync_to_thread=False),
            "access": Provide(lambda: access, sync_to_thread=False),
            "probe": Provide(lambda: probe, sync_to_thread=False),
        },
        middleware=[BearerAuth(access).middleware],
        guards=[negotiate],
        before_request=refuse_unknown_parameters,
        exception_handlers=EXCEPTION_HANDLERS,
        request_class=Body,
        request_max_body_size=MAX_BODY_BYTES,
        cors_config=CORSConfig(allow_origins=list(settings.cors_origins)) if settings.cors_origins else None,
        lifespan=[lifespan],
        openapi_config=None,
        logging_config=None,
    )
    app.state.doors, app.state.pool, app.state.passwords, app.state.access = doors, pool, passwords, access
    return app


def at_the_edge(app: Litestar, settings: Settings) -> ASGIApp:
    """The application as it is served."""
    return Edge(app, settings)


def serve_app() -> ASGIApp:
    """What granian calls in each worker, without arguments."""
    settings = Settings.read()
    configure_logs(settings)
    return at_the_edge(create_app(settings), settings)
