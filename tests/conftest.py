"""One PostgreSQL for the run, a database of its own for each worker, accounts of their own for each test.

Row security is what isolates tests from each other: they commit for real, run in parallel and can be run again.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from litestar import Litestar
from psycopg import sql

from backend.app import at_the_edge, create_app
from backend.database.embedded import DATABASE, OWNER, Embedded
from backend.database.migrate import migrate
from backend.settings import Settings
from tests.asking import ids_of, request_of
from tests.database import Connection, introduce
from tests.documented import check_documented
from tests.expected import ROUTES
from tests.people import Person, new_address
from tests.routes import routes_of

pytest_plugins = ["tests.benchmarks.reporting", "tests.reached"]

# Nothing here has to survive a crash. Statements that fail are logged, as is the default elsewhere: tests look there.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "log_min_error_statement": "error",
}

type Overrides = dict[str, str]
type AppFactory = Callable[..., AbstractAsyncContextManager[Litestar]]

_SERVER = pytest.StashKey[Embedded]()
_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """The process that starts the workers also starts PostgreSQL, and migrates the database that they clone."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    folder = tempfile.TemporaryDirectory(prefix="lodestar-tests-")
    server = Embedded.start(Path(folder.name), FAST)
    config.stash[_FOLDER], config.stash[_SERVER] = folder, server
    migrate(settings_for(server, DATABASE))


def pytest_configure_node(node: Any) -> None:
    node.workerinput["data_dir"] = node.config.stash[_FOLDER].name


def pytest_unconfigure(config: pytest.Config) -> None:
    if server := config.stash.get(_SERVER, None):
        server.erase()
        config.stash[_FOLDER].cleanup()


def settings_for(server: Embedded, database: str, **overrides: str) -> Settings:
    """Development settings for a database of the test server. One proxy is trusted, so that tests have addresses."""
    return Settings.read(
        {
            "DATABASE_URL": server.runtime_url.removesuffix(f"/{DATABASE}") + f"/{database}",
            "DATABASE_OWNER_URL": server.owner_url.removesuffix(f"/{DATABASE}") + f"/{database}",
            "DATA_DIR": str(server.data_dir),
            "TRUSTED_PROXIES": "1",
            "HASH_WORKERS": "2",
            **overrides,
        }
    )


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Embedded]:
    """The server of the run."""
    own = request.config.stash.get(_SERVER, None)
    if own:
        yield own
        return
    with Embedded.start(Path(request.config.workerinput["data_dir"])) as joined:  # type: ignore[attr-defined]
        yield joined


@contextmanager
def cloned(postgres: Embedded, name: str) -> Iterator[str]:
    """A new database of this name, as migrated, until the end of the block."""
    names = [sql.Identifier(one) for one in (name, DATABASE, OWNER)]
    with psycopg.connect(postgres.superuser_url, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(names[0]))
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*names))
        try:
            yield name
        finally:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(names[0]))


@pytest.fixture(scope="session")
def database(postgres: Embedded, worker_id: str) -> Iterator[str]:
    """The name of this worker's database, cloned from the migrated one."""
    with cloned(postgres, f"tests_{worker_id}") as name:
        yield name


@pytest.fixture(scope="session")
def settings(postgres: Embedded, database: str) -> Settings:
    return settings_for(postgres, database)


@pytest.fixture(scope="session")
def settings_with(postgres: Embedded, database: str) -> Callable[..., Settings]:
    """The settings of the tests, with some values changed: `settings_with(POOL_MAX_SIZE="1")`."""

    def changed(**overrides: str) -> Settings:
        return settings_for(postgres, database, **overrides)

    return changed


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Litestar]:
    """The application between start-up and shutdown, its pool open.

    Its lifespan must end in the task that began it, and pytest ends a fixture in another; hence a task of its own.
    """
    app, started, over = create_app(settings), asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await over.wait()

    life = asyncio.create_task(live())
    beginning = asyncio.create_task(started.wait())
    await asyncio.wait([life, beginning], return_when=asyncio.FIRST_COMPLETED)
    try:
        if not started.is_set():
            await life  # Raises what kept it from starting.
        yield app
    finally:
        beginning.cancel()
        over.set()
        await life


@asynccontextmanager
async def client_of(app: Litestar, settings: Settings, address: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client at the edge of `app`, from an address of its own."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(at_the_edge(app, settings)),  # type: ignore[arg-type]
        base_url="http://lodestar.test",
        headers={"x-forwarded-for": address or new_address()},
        event_hooks={"response": [check_documented]},
    ) as client:
        yield client


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[Litestar]:
    async with running(settings) as started:
        yield started


@pytest.fixture
async def client(app: Litestar, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, settings) as opened:
        yield opened


@pytest.fixture
async def superuser(postgres: Embedded, database: str) -> AsyncIterator[Connection]:
    """Somebody who sees every row, to look at what a request has left behind."""
    url = postgres.superuser_url.rsplit("/", 1)[0] + f"/{database}"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


# People who cost no hash: most tests do not care how somebody came in. `tests.people.join` is the long way.
@pytest.fixture
async def ada(superuser: Connection, app: Litestar, settings: Settings) -> Person:
    return await introduce(superuser, app, settings, "ada")


@pytest.fixture
async def bob(superuser: Connection, app: Litestar, settings: Settings) -> Person:
    return await introduce(superuser, app, settings, "bob")


@pytest.fixture
async def admin(superuser: Connection, app: Litestar, settings: Settings) -> Person:
    return await introduce(superuser, app, settings, "admin", admin=True)


@pytest.fixture
async def asked(
    app: Litestar, client: httpx.AsyncClient, ada: Person, admin: Person
) -> Callable[[str], dict[str, Any]]:
    """Makes the request of a route, so that it succeeds. Who asks is an administrator where the route wants one."""
    routes = {route.name: route for route in routes_of(app)}
    ids = await ids_of(client, ada)

    def request(name: str) -> dict[str, Any]:
        return request_of(routes[name], admin if ROUTES[name].who == "admin" else ada, ids)

    return request
