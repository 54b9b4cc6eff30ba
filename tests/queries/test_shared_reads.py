"""Cheap reads of concurrent callers share a message, and nothing else: each is answered as if nobody else had asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace

from backend.contracts.pages import NEWEST
from queries import items, sessions
from queries._fetch import Cheap, Conn, execute
from queries._sharing import MOST
from queries.context import Context
from tests.database import Connection, until
from tests.people import Person
from tests.queries.sharing import Changed, Shared, callers, owner, reader, together
from tests.wire import Wired

pytestmark = pytest.mark.checklist(44, 45)

DIVIDE: Final = Cheap("SELECT 1 / %(by)s::int AS number")
SAY: Final = Cheap("SELECT %(thing)s::text AS thing")
SLEEP: Final = Cheap("SELECT pg_sleep(60)")
WAIT: Final = Cheap("SELECT pg_advisory_xact_lock_shared(%(lock)s::bigint)")
LOSE: Final = Cheap("SELECT lose()")


@pytest.mark.parametrize(("many", "messages"), [(1, [1]), (2, [2]), (MOST, [MOST]), (MOST + 1, [MOST, 1])])
async def test_callers_of_one_turn_share_messages_of_sixteen(many: int, messages: list[int], shared: Shared) -> None:
    await owner(reader(shared))
    told = len(shared.wire.asked)
    found = await asyncio.gather(*(owner(reader(shared, number)) for number in range(many)))
    assert found == [shared.people[number % 2].user_id for number in range(many)]
    assert callers(shared.wire.asked[told:]) == messages
    assert MOST == 16


async def test_whoever_asks_while_there_is_no_connection_shares_the_next_message(shared: Shared) -> None:
    found, messages = await together(shared, *(owner(reader(shared, number)) for number in range(40)))
    assert found == [shared.people[number % 2].user_id for number in range(40)]
    assert messages == [16, 16, 8]


async def test_in_one_message_the_same_id_is_there_for_its_owner_alone(shared: Shared) -> None:
    item = await items.add(Conn(shared.pool, shared.people[0]), "A lens", None)
    told = len(shared.wire.asked)
    assert await asyncio.gather(*(items.find(reader(shared, number), item.row.id) for number in range(4))) == [
        item,
        None,
        item,
        None,
    ]
    (message,) = shared.wire.asked[told:]
    assert message.count(item.row.id.hex) == 4
    assert all(person.user_id and message.count(person.user_id.hex) == 2 for person in shared.people)


async def test_a_foreign_item_is_404_beside_its_owner_who_gets_it(wired: Wired, ada: Person, bob: Person) -> None:
    item = (await wired.client.post("/v1/items", json={"title": "A lens"}, headers=ada)).json()
    held, told = await wired.app.state.pool.getconn(), len(wired.wire.asked)
    asking = [asyncio.create_task(wired.client.get(f"/v1/items/{item['id']}", headers=who)) for who in (ada, bob)]
    await until(lambda: len(wired.app.state.pool.reads._waiting) == 2)
    await wired.app.state.pool.putconn(held)
    hers, his = await asyncio.gather(*asking)
    assert (hers.status_code, hers.json()) == (200, item)
    assert (his.status_code, his.json()["code"]) == (404, "not_found")
    (message,) = wired.wire.asked[told:]
    assert [message.count(UUID(one).hex) for one in (item["id"], ada.id, bob.id)] == [2, 1, 1]


async def test_who_has_ended_his_session_is_401_beside_others(wired: Wired, ada: Person, bob: Person) -> None:
    assert (await wired.client.get("/v1/users/me", headers=bob)).status_code == 200
    assert (await wired.client.post("/v1/logout", headers=bob)).status_code == 204
    held = await wired.app.state.pool.getconn()
    asking = [asyncio.create_task(wired.client.get("/v1/users/me", headers=who)) for who in (ada, bob, ada)]
    await until(lambda: len(wired.app.state.pool.reads._waiting) == 3)
    await wired.app.state.pool.putconn(held)
    answers = await asyncio.gather(*asking)
    assert [answer.status_code for answer in answers] == [200, 401, 200]
    assert {answers[0].json()["id"], answers[2].json()["id"]} == {ada.id}


async def test_who_has_no_session_is_refused_and_the_others_are_not(shared: Shared) -> None:
    """Who failed for somebody else's sake is asked again, alone."""
    wishes = [owner(reader(shared)), owner(reader(shared, session_id=uuid4())), owner(reader(shared, 1))]
    (hers, refused, his), messages = await together(shared, *wishes)
    assert isinstance(refused, psycopg.errors.RaiseException)
    assert refused.diag.constraint_name == "session_ended"
    assert (hers, his) == tuple(person.user_id for person in shared.people)
    assert messages == [3, 1, 1], "she was answered already"
    await shared.is_clean()


async def test_nobody_sees_nothing_beside_somebody(shared: Shared) -> None:
    nobody = Conn(shared.pool, Context(5000, read_only=True))
    pages = [items.page(conn, NEWEST, 100) for conn in (reader(shared), nobody, reader(shared, 1), nobody)]
    found, messages = await together(shared, *pages)
    assert [{item.owner_id for item in page} for page in found] == [
        {shared.people[0].user_id},
        set(),
        {shared.people[1].user_id},
        set(),
    ]
    assert messages == [4]


async def test_who_asked_before_somebody_slow_does_not_wait_for_him(shared: Shared, superuser: Connection) -> None:
    """PostgreSQL sends what half of a message gave while it is at the other half."""
    lock, patient = uuid4().int % 2**63, {"timeout_ms": 30_000}
    held, told = await shared.pool.getconn(), len(shared.wire.asked)
    first = [asyncio.ensure_future(owner(reader(shared, number, **patient))) for number in range(8)]
    slow = asyncio.ensure_future(execute(reader(shared, **patient), WAIT, lock=lock))
    last = asyncio.ensure_future(owner(reader(shared, 1, **patient)))
    await asyncio.sleep(0)
    async with superuser.transaction(), asyncio.timeout(10):
        await superuser.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
        await shared.pool.putconn(held)
        assert await asyncio.gather(*first) == [shared.people[number % 2].user_id for number in range(8)]
        assert not slow.done()
    assert (await slow, await last) == (1, shared.people[1].user_id)
    assert callers(shared.wire.asked[told:]) == [10]
    await shared.is_clean()


UNSHARED: Final[dict[str, Callable[[Shared, int], Awaitable[Any]]]] = {
    "a write": lambda shared, number: items.add(Conn(shared.pool, shared.people[number]), "A lens", None),
    "a cheap read of one who may write": lambda shared, number: owner(Conn(shared.pool, shared.people[number])),
    "a read that is not cheap": lambda shared, number: sessions.mine(reader(shared, number)),
}


@pytest.mark.parametrize("what", UNSHARED)
async def test_a_message_is_not_shared_by(what: str, shared: Shared) -> None:
    _, messages = await together(shared, *(UNSHARED[what](shared, number) for number in (0, 1)))
    assert messages == [1, 1]


async def test_within_a_transaction_nothing_is_shared(shared: Shared) -> None:
    who = replace(shared.people[0], read_only=True)
    async with Conn(shared.pool, who).transaction() as transaction:
        waiting = asyncio.ensure_future(owner(reader(shared, 1)))
        told = len(shared.wire.asked)
        await items.page(transaction, NEWEST, 20)
        assert callers(shared.wire.asked[told:]) == [1]
        assert not waiting.done()
    assert await waiting == shared.people[1].user_id


async def test_who_is_cancelled_before_the_message_is_sent_is_not_in_it(shared: Shared) -> None:
    held, told = await shared.pool.getconn(), len(shared.wire.asked)
    crowd = [asyncio.ensure_future(owner(reader(shared, number))) for number in range(6)]
    await asyncio.sleep(0)
    crowd[1].cancel()
    crowd[4].cancel()
    await asyncio.sleep(0)
    await shared.pool.putconn(held)
    found = await asyncio.gather(*crowd, return_exceptions=True)
    assert [type(one) is asyncio.CancelledError for one in found] == [number in (1, 4) for number in range(6)]
    assert [found[number] for number in (0, 2)] == [shared.people[0].user_id] * 2
    assert [found[number] for number in (3, 5)] == [shared.people[1].user_id] * 2
    assert callers(shared.wire.asked[told:]) == [4]
    await shared.is_clean()


@pytest.mark.parametrize("leaving", [{0}, {1, 2}, {0, 1, 2, 3}], ids=["the first", "some", "all"])
async def test_who_is_cancelled_under_way_leaves_the_others_their_answers(leaving: set[int], shared: Shared) -> None:
    told = len(shared.wire.asked)
    with shared.wire.silent() as asked:
        crowd = [asyncio.ensure_future(owner(reader(shared, number))) for number in range(4)]
        await until(asked)
        for number in leaving:
            crowd[number].cancel()
        await asyncio.sleep(0)
    found = await asyncio.gather(*crowd, return_exceptions=True)
    for number, one in enumerate(found):
        if number in leaving:
            assert isinstance(one, asyncio.CancelledError)
        else:
            assert one == shared.people[number % 2].user_id
    assert callers(shared.wire.asked[told:]) == [4]
    await shared.is_clean()


ERRORS: Final[dict[str, tuple[str, dict[str, object], type[Exception]]]] = {
    "a division by zero": (DIVIDE, {"by": 0}, psycopg.errors.DivisionByZero),
    "a value without a literal": (SAY, {"thing": object()}, psycopg.ProgrammingError),
    "a value with a NUL": (SAY, {"thing": "nul\0nul"}, psycopg.DataError),
    "a value that is no text": (SAY, {"thing": "\ud800"}, UnicodeEncodeError),
    "a value that is missing": (SAY, {}, psycopg.ProgrammingError),
    "a placeholder that is none": (Cheap("SELECT %s"), {}, psycopg.ProgrammingError),
    "a time-out": (SLEEP, {}, psycopg.errors.QueryCanceled),
}


@pytest.mark.parametrize("what", ERRORS)
async def test_an_error_hits_its_caller_alone(what: str, shared: Shared) -> None:
    statement, values, refusal = ERRORS[what]
    bad = execute(reader(shared, timeout_ms=200), statement, **values)
    (hers, refused, his), messages = await together(shared, owner(reader(shared)), bad, owner(reader(shared, 1)))
    assert (hers, his) == tuple(person.user_id for person in shared.people)
    assert isinstance(refused, refusal), refused
    assert all(many <= 1 for many in messages[1:])
    await shared.is_clean()


@pytest.mark.parametrize("what", [one for one in ERRORS if "value" not in one and "placeholder" not in one])
async def test_the_error_of_a_single_caller_costs_one_round_trip(what: str, shared: Shared) -> None:
    statement, values, refusal = ERRORS[what]
    told = len(shared.wire.asked)
    with pytest.raises(refusal):
        await execute(reader(shared, timeout_ms=100), statement, **values)
    assert callers(shared.wire.asked[told:])[:2] in ([1], [1, 0]), "a connection that is replaced says SET at first"
    await shared.is_clean()


async def test_a_cheap_read_that_lost_is_tried_three_times_in_all_like_any_other(
    shared: Shared, superuser: Connection
) -> None:
    """On a standby it can lose: 40001, a conflict with recovery."""
    body = "BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END"
    await superuser.execute(
        f"CREATE FUNCTION lose() RETURNS void LANGUAGE plpgsql AS '{body.replace("'", "''")}'".encode()
    )
    told = len(shared.wire.asked)
    try:
        with pytest.raises(psycopg.errors.SerializationFailure):
            await execute(reader(shared), LOSE)
    finally:
        await superuser.execute("DROP FUNCTION lose()")
    assert callers(shared.wire.asked[told:]) == [1, 1, 1]


@pytest.mark.parametrize(
    "text", ["SELECT 1; SELECT 2", "SELECT 1;", "COPY items TO STDOUT", "DELETE FROM items", "COMMIT"]
)
def test_only_one_select_can_be_shared(text: str) -> None:
    """With several results in a message it would not be clear whose they are."""
    with pytest.raises(ValueError, match="SELECT"):
        Cheap(text)


@pytest.mark.parametrize("shares", [True, False], ids=["together", "alone"])
async def test_one_sees_ones_own_alone_or_together(shares: bool, shared: Shared) -> None:
    if not shares:
        shared.pool.reads = None
    item = await items.add(Conn(shared.pool, shared.people[0]), "A lens", None)
    owners = [owner(reader(shared, number)) for number in range(4)]
    finds = [items.find(reader(shared, number), item.row.id) for number in range(4)]
    found, messages = await together(shared, *owners, *finds)
    assert found[:4] == [person.user_id for person in shared.people * 2]
    assert found[4:] == [item, None, item, None]
    assert messages == ([8] if shares else [1] * 8)
    with pytest.raises(psycopg.errors.RaiseException):
        await owner(reader(shared, 1, session_id=shared.people[0].session_id))
    await shared.is_clean()


async def test_behind_a_pooler_reads_are_shared_and_nothing_is_prepared(shared_with: Changed) -> None:
    async with shared_with(DATABASE_POOLER="transaction") as shared:
        for _ in range(2):
            found, messages = await together(shared, *(owner(reader(shared, number)) for number in range(4)))
            assert found == [person.user_id for person in shared.people * 2]
            assert messages == [4]
        said = " ".join(shared.wire.asked)
        assert "PREPARE" not in said
        assert "EXECUTE" not in said
        assert "SET " not in said
