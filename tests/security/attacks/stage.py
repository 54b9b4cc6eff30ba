"""Who takes part in an attack, in a database where there is nobody else."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import httpx
from litestar import Litestar
from psycopg import sql

from backend.settings import Settings
from tests.asking import ids_of
from tests.database import Connection, introduce, rows
from tests.people import Person
from tests.security.attacks.tokens import KINDS, Forge
from tests.security.attacks.watch import TABLES, Row, Watch, secrets_of

ENDED: Final = "an ended session"

# Another session of somebody who has one already.
_SESSION: Final = """
INSERT INTO sessions (user_id, ip_address, network, fingerprint, is_new_device, idle_until, expires_at, ended_at)
SELECT user_id, ip_address, network, fingerprint, false, idle_until, {}, {} FROM sessions WHERE user_id = %s LIMIT 1
RETURNING user_id, id
"""
_OVER: Final = {
    ENDED: _SESSION.format("expires_at", "now()"),
    "a session past its time": _SESSION.format("now() - interval '1 second'", "NULL"),
}


NO_TOKEN: Final = "no token"
GONE: Final = {"an account that is gone": False, "an administrator who is gone": True}
DISABLED: Final = "a disabled account"

# Everything that opens nothing which is not for anyone.
REFUSED: Final = (NO_TOKEN, *KINDS, *_OVER, *GONE, DISABLED)


class Stage(NamedTuple):
    """An application on a database of its own, and somebody who sees every row of it."""

    app: Litestar
    settings: Settings
    superuser: Connection

    async def clear(self) -> None:
        tables = [name for (name,) in await rows(self.superuser, TABLES) if name != "schema_migrations"]
        names = sql.SQL(", ").join(sql.Identifier(*name.split(".")) for name in tables)
        await self.superuser.execute(sql.SQL("TRUNCATE {}").format(names))

    async def meet(self, name: str, admin: bool = False) -> Person:
        return await introduce(self.superuser, self.app, self.settings, name, admin)


class Cast(NamedTuple):
    """`people` are the owner, the other and the admin; `ids`, by the same names, what each of them has.

    `refused` are headers that open nothing.
    """

    stage: Stage
    client: httpx.AsyncClient
    watch: Watch
    people: Mapping[str, Person]
    ids: Mapping[str, Mapping[str, str]]
    refused: Mapping[str, Mapping[str, str]]

    @property
    def owner(self) -> Person:
        return self.people["owner"]

    def secrets(self, seen: Iterable[Row]) -> frozenset[str]:
        """What of the owner's rows nobody else may be shown, with his tokens."""
        return secrets_of(self.owner.id, seen) | {self.owner.tokens["access_token"], self.owner.tokens["refresh_token"]}


async def gather(stage: Stage, client: httpx.AsyncClient) -> Cast:
    """New people, each with something of every kind, and nobody besides them but a second administrator."""
    await stage.clear()
    await stage.meet("second-admin", admin=True)  # So that the first is not the last one.
    people = {name: await stage.meet(name, admin=name == "admin") for name in ("owner", "other", "admin")}
    ids = {name: await ids_of(client, person) for name, person in people.items()}
    refused = await _refused(stage, people["owner"])
    return Cast(stage, client, await Watch.of(stage.superuser), people, ids, refused)


async def _refused(stage: Stage, owner: Person) -> dict[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {NO_TOKEN: {}}
    forge = Forge(stage.app, stage.settings, owner)
    found |= {name: {"authorization": make(forge)} for name, make in KINDS.items()}
    for name, statement in _OVER.items():
        ((user, session),) = await rows(stage.superuser, statement, owner.id)
        found[name] = {"authorization": f"Bearer {stage.app.state.access.issue(user, session, False)}"}
    for name, admin in GONE.items():
        found[name] = gone = await stage.meet("gone", admin)
        await stage.superuser.execute("DELETE FROM users WHERE id = %s", (gone.id,))
    found[DISABLED] = disabled = await stage.meet("disabled")
    await stage.superuser.execute("UPDATE users SET is_active = false WHERE id = %s", (disabled.id,))
    return found
