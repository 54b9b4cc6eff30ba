"""What all servers of a comparison share: one PostgreSQL, the same tables and rows, a hundred callers."""

import asyncio
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import jwt
import psycopg
from psycopg.sql import SQL, Identifier, Literal

from backend.app import create_app
from backend.database.embedded import DATABASE, Embedded
from backend.database.migrate import migrate
from backend.settings import Settings
from tests.benchmarks.callers import GIVE_ITEMS, ITEMS
from tests.database import introduce

CALLERS: Final = 100
_OTHERS: Final = 1000
# As much memory as a small server is given. Commits reach the disk, as they do by default.
_OPTIONS: Final = {"shared_buffers": "256MB"}

# The peers have no row security, so their role goes past it; owners are conditions in their statements.
OPEN_TO_PEERS: Final = """
CREATE ROLE peers LOGIN BYPASSRLS PASSWORD {password};
GRANT CONNECT ON DATABASE {database} TO peers;
GRANT USAGE ON SCHEMA public TO peers;
GRANT SELECT, INSERT ON users, items TO peers;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO peers
"""

# Tables in which the callers are few among many.
ADD_OTHERS: Final = """
WITH others AS (
    INSERT INTO users (email)
    SELECT 'other-' || number || '@example.com'
    FROM   generate_series(1, %(others)s) AS number
    RETURNING id
)
INSERT INTO items (owner_id, title, description)
SELECT id, 'Item ' || number, 'What is to be said of item ' || number
FROM   others, generate_series(1, %(items)s) AS number
"""


class Caller(NamedTuple):
    user_id: UUID
    session_id: UUID


class Stage:
    """`ours` and `peers` is what the environments of the servers have to say."""

    def __init__(self, folder: Path, postgres: Embedded) -> None:
        self.folder = folder
        self.postgres_pid = int((postgres.cluster.data / "postmaster.pid").read_text().split()[0])
        self.psql = postgres.cluster.binaries.folder / "psql"
        self.ours = {
            "DATABASE_URL": postgres.runtime_url,
            "DATABASE_OWNER_URL": postgres.owner_url,
            "DATA_DIR": str(postgres.data_dir),
            "LOG_LEVEL": "WARNING",
            "RATE_LIMITS": "off",
        }
        self._peers_password = secrets.token_urlsafe(16)
        self._secret = secrets.token_hex(32)
        place = postgres.owner_url.rpartition("@")[2]
        self.peers = {"PEERS_URL": f"postgresql://peers:{self._peers_password}@{place}", "PEERS_SECRET": self._secret}
        self.superuser_url = postgres.superuser_url.rpartition("/")[0] + f"/{DATABASE}"
        self._settings = Settings.read(self.ours)
        self._app = create_app(self._settings)
        self.callers: list[Caller] = []
        self.postgres_version = ""

    async def furnish(self) -> None:
        """Tables, rows and roles."""
        async with await psycopg.AsyncConnection.connect(self.superuser_url, autocommit=True) as superuser:
            names = {"database": Identifier(DATABASE), "password": Literal(self._peers_password)}
            await superuser.execute(SQL(OPEN_TO_PEERS).format(**names))
            await superuser.execute(ADD_OTHERS, {"others": _OTHERS, "items": ITEMS})
            for number in range(CALLERS):
                person = await introduce(superuser, self._app, self._settings, f"caller-{number}")
                await superuser.execute(GIVE_ITEMS, {"owner": person.id, "items": ITEMS})
                claims = self._app.state.access.verify(person.tokens["access_token"])
                self.callers.append(Caller(claims.user_id, claims.session_id))
            await superuser.execute("VACUUM (ANALYZE) users, sessions, items")
            self.postgres_version = superuser.info.parameter_status("server_version") or ""

    def our_tokens(self) -> Sequence[str]:
        """New ones, for they live for ten minutes."""
        return [self._app.state.access.issue(*caller, False) for caller in self.callers]

    def user_ids(self) -> Sequence[str]:
        return [str(caller.user_id) for caller in self.callers]

    def plain_tokens(self) -> Sequence[str]:
        expiry = int(time.time()) + 3600
        return [jwt.encode({"sub": user_id, "exp": expiry}, self._secret, "HS256") for user_id in self.user_ids()]


@contextmanager
def staged() -> Iterator[Stage]:
    """Everything but the servers, in folders that are gone afterwards. Raises OperatorError."""
    with tempfile.TemporaryDirectory(prefix="lodestar-compare-") as name:
        folder = Path(name)
        postgres = Embedded.start(folder / "data", _OPTIONS)
        try:
            stage = Stage(folder, postgres)
            migrate(Settings.read(stage.ours))
            asyncio.run(stage.furnish())
            yield stage
        finally:
            postgres.erase()
