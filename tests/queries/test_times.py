"""Times are shown in UTC with six digits and a Z, for no time that is shown falls on a whole second."""

import re
from datetime import UTC, datetime
from typing import Any, Final, get_args

import msgspec
import pytest
from litestar import Litestar
from msgspec import Struct
from msgspec.structs import fields

from backend.checks.statements.reading import statements
from queries import items, sessions, users
from queries._fetch import Conn
from tests.database import Connection, context_of, rows
from tests.expected import GRANTS
from tests.people import Person

RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

# Nothing sets it yet; whoever does will have to use moment().
UNSET: Final = {"email_verified_at"}

# A time that a client gives is kept as it came, and shown so.
GIVEN: Final = {name for grants in GRANTS.values() for name in grants.inserts | grants.updates}


def shown() -> set[str]:
    """The names of the fields that are times, and that are ours to set."""
    shapes: set[type[Struct]] = {shape for one in statements() if (shape := one.shape)}
    times = {field.name for shape in shapes for field in fields(shape) if datetime in kinds_of(field.type)}
    return times - GIVEN


def kinds_of(annotation: Any) -> tuple[Any, ...]:
    """The types of a union, or the one type that it is."""
    return get_args(annotation) or (annotation,)


@pytest.mark.parametrize(
    ("at", "becomes"),
    [
        ("2026-01-01 00:00:00+00", datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        ("2026-01-01 00:00:00.000001+00", datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        ("2026-01-01 00:00:00.5+00", datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("1969-12-31 23:59:59+00", datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)),
    ],
)
async def test_a_moment_is_never_a_whole_second(at: str, becomes: datetime, superuser: Connection) -> None:
    ((moment,),) = await rows(superuser, "SELECT moment(%s::timestamptz)", at)
    assert moment == becomes
    assert RFC_3339.fullmatch(msgspec.to_builtins(moment.astimezone(UTC)))


async def test_every_time_that_is_shown_is_a_moment(superuser: Connection) -> None:
    columns = """
        SELECT a.attrelid::regclass::text, a.attname, pg_get_expr(d.adbin, d.adrelid)
        FROM   pg_attribute a
        JOIN   pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE  a.attname = ANY (%s) AND a.atttypid = 'timestamptz'::regtype
    """
    found = await rows(superuser, columns, list(shown() - UNSET))
    assert {name for _, name, _ in found} == shown() - UNSET
    assert {default for _, _, default in found} == {"moment()"}


async def test_no_function_sets_such_a_time_to_anything_else(superuser: Connection) -> None:
    bodies = "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace::regnamespace::text = ANY (%s)"
    sets = re.compile(rf"\b({'|'.join(shown())})\s*:?=(?!\s*moment\()", re.IGNORECASE)
    functions = await rows(superuser, bodies, ["gate", "public"])
    assert any("last_used_at = moment()" in body for _, body in functions)
    assert [name for name, body in functions if sets.search(body)] == []


async def test_what_is_read_is_in_utc_with_six_digits(app: Litestar, ada: Person) -> None:
    conn = Conn(app.state.pool, context_of(app, ada))
    account = await users.find_me(conn)
    for thing in (account, *await sessions.mine(conn), (await items.add(conn, "A lens", None)).row):
        for name, value in msgspec.to_builtins(thing).items():
            if name in shown() and value is not None:
                assert RFC_3339.fullmatch(value), name
