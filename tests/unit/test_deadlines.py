"""Deadlines expire in order and once; and a request that has expired is answered, whatever its handler makes of it."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backend.deadlines import Deadlines
from backend.edge import Edge
from backend.settings import Settings
from tests.database import until


async def test_entries_expire_in_order_and_once() -> None:
    deadlines, expired = Deadlines(0.05), list[int]()
    for number in range(50):
        deadlines.add(partial(expired.append, number))
        await asyncio.sleep(0)
    await until(lambda: len(expired) == 50)
    last = asyncio.Event()
    deadlines.add(last.set)
    await last.wait()
    assert expired == list(range(50))
    assert not deadlines._entries


async def test_an_entry_that_is_removed_never_expires() -> None:
    deadlines, expired = Deadlines(0.02), list[str]()
    kept, removed = partial(expired.append, "kept"), partial(expired.append, "removed")
    for entry in (removed, kept):
        deadlines.add(entry)
    deadlines.remove(removed)
    deadlines.remove(removed)
    last = asyncio.Event()
    deadlines.add(last.set)
    await last.wait()
    assert expired == ["kept"]
    deadlines.remove(kept)


async def test_an_entry_that_expires_may_remove_others() -> None:
    deadlines, expired, last = Deadlines(0.02), list[int](), asyncio.Event()
    entries: list[Callable[[], None]] = []

    def expire(number: int) -> None:
        expired.append(number)
        for other in entries[number + 1 : number + 3]:
            deadlines.remove(other)

    entries += [partial(expire, number) for number in range(7)]
    for entry in (*entries, last.set):
        deadlines.add(entry)
    await last.wait()
    assert expired == [0, 3, 6]


async def test_an_entry_that_expires_may_add_others(monkeypatch: pytest.MonkeyPatch) -> None:
    deadlines, started = Deadlines(0.4), timers(monkeypatch)
    first, second, third = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def expire() -> None:
        first.set()
        deadlines.add(third.set)

    deadlines.add(expire)
    await asyncio.sleep(0.1)
    deadlines.add(second.set)
    for event in (first, second, third):
        await event.wait()
    assert len(started()) == 3, "one timer after the other"


def timers(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[float]]:
    """The timers that were started since."""
    loop, started = asyncio.get_running_loop(), list[float]()
    call_later = loop.call_later

    def counted(delay: float, callback: Any, *values: Any, **more: Any) -> asyncio.TimerHandle:
        if isinstance(getattr(callback, "__self__", None), Deadlines):
            started.append(delay)
        return call_later(delay, callback, *values, **more)

    monkeypatch.setattr(loop, "call_later", counted)
    return lambda: started


async def test_thousands_that_come_and_go_cost_one_timer_and_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    deadlines, started = Deadlines(30), timers(monkeypatch)
    for _ in range(50):
        entries = [partial(pytest.fail, "it had been removed") for _ in range(100)]
        for entry in entries:
            deadlines.add(entry)
        await asyncio.sleep(0)
        for entry in entries:
            deadlines.remove(entry)
    assert len(started()) == 1
    assert not deadlines._entries
    assert deadlines._timer
    deadlines._timer.cancel()


type App = Callable[[Any, Any, Any], Awaitable[None]]


async def answers(app: App, tmp_path: Path, seconds: str = "0.05", method: str = "GET") -> list[dict[str, Any]]:
    """What the edge sends for one request to `app`, in the task that waits."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    settings = Settings.read({"DATA_DIR": str(tmp_path), "REQUEST_TIMEOUT": seconds})
    edge: Any = Edge(app, settings, lambda: False)  # type: ignore[arg-type]
    scope = {"type": "http", "method": method, "path": "/x", "query_string": b"", "headers": [], "client": ("::1", 1)}
    async with asyncio.timeout(10):
        await edge(scope, receive, send)
    return sent


async def reply(send: Any, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"mine", "more_body": False})


async def waits(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


async def swallows(scope: Any, receive: Any, send: Any) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return


async def raises_another(scope: Any, receive: Any, send: Any) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise LookupError from None


async def cleans_up(scope: Any, receive: Any, send: Any) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.01)


async def answers_at_once(scope: Any, receive: Any, send: Any) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await reply(send, 500)


async def answers_later(scope: Any, receive: Any, send: Any) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0.01)
        await reply(send, 500)


HANDLERS = [waits, swallows, raises_another, cleans_up, answers_at_once, answers_later]


@pytest.mark.parametrize("app", HANDLERS, ids=lambda app: app.__name__)
async def test_an_expired_request_is_answered_once_whatever_its_handler_does(app: App, tmp_path: Path) -> None:
    start, body = await answers(app, tmp_path)
    assert start["status"] == 504
    assert b"deadline_exceeded" in body["body"]
    task = asyncio.current_task()
    assert task
    assert task.cancelling() == 0
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_request_that_stalls_within_its_body_is_408(tmp_path: Path, method: str) -> None:
    async def reads(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    start, body = await answers(reads, tmp_path, method=method)
    assert start["status"] == 408
    assert b"body_timeout" in body["body"]


async def test_who_is_refused_after_waiting_makes_no_room_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one slot, somebody has it, and there is still only one."""
    monkeypatch.setattr("backend.edge._SLOTS", 1)
    settings = Settings.read({"DATA_DIR": str(tmp_path), "REQUEST_TIMEOUT": "20", "POOL_TIMEOUT": "0.02"})
    edge: Any = Edge(waits, settings, lambda: False)  # type: ignore[arg-type]
    scope = {"type": "http", "method": "GET", "path": "/x", "query_string": b"", "headers": [], "client": ("::1", 1)}
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    busy = asyncio.create_task(edge({**scope}, None, send))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        for number in (1, 2, 3):
            await edge({**scope}, None, send)
            assert [one["status"] for one in sent if "status" in one] == [503] * number
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)


async def test_an_answer_that_has_begun_is_only_ended(tmp_path: Path) -> None:
    async def streams(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    (start,) = await answers(streams, tmp_path)
    assert start["status"] == 200


@pytest.mark.parametrize("app", [waits, cleans_up], ids=lambda app: app.__name__)
async def test_a_cancellation_from_outside_goes_on(app: App, tmp_path: Path) -> None:
    task = asyncio.create_task(answers(app, tmp_path, "30"))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_outside_goes_on_after_the_deadline_too(tmp_path: Path) -> None:
    has_expired = asyncio.Event()

    async def lingers(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            has_expired.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(answers(lingers, tmp_path))
    await has_expired.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_requests_that_are_answered_leave_no_entry_behind(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await reply(send)

    (start, body) = await answers(app, tmp_path, "30")
    assert (start["status"], body["body"]) == (200, b"mine")
    gc.collect()
    assert not any(one._entries for one in gc.get_objects() if isinstance(one, Deadlines) and one._seconds == 30)
