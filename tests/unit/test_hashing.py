"""The process that hashes: what does not fit is refused, cancelled callers leave nothing behind, nor does its end."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from backend.security.hashing import HashPool, HashPoolFull
from backend.security.jobs import Costs, Done

THREADS, QUEUE = 2, 3
PLACES = THREADS + QUEUE
HANDED_ON = THREADS + 1
CHEAP = Costs(time=1, memory_kib=8, parallelism=1, threads=THREADS)
SECRET = b"correct horse battery staple"
DEADLINE = 30.0

type Held = list[asyncio.Task[Done]]


@pytest.fixture
async def pool() -> AsyncIterator[HashPool]:
    """Its process has started."""
    pool = HashPool(CHEAP, QUEUE)
    await pool.run(SECRET)
    yield pool
    await pool.close()


def process_of(pool: HashPool) -> int:
    assert pool._process
    return pool._process.pid


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


@contextmanager
def held(pool: HashPool) -> Iterator[None]:
    """Nothing is hashed meanwhile."""
    pid = process_of(pool)
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


async def fill(pool: HashPool) -> Held:
    """Occupies every free place and returns who holds one."""
    tasks: Held = []
    while True:
        task = asyncio.create_task(pool.run(SECRET))
        await asyncio.sleep(0)
        if task.done():
            assert isinstance(task.exception(), HashPoolFull)
            return tasks
        tasks.append(task)


async def at_rest(pool: HashPool) -> None:
    """Waits for what was cancelled while it ran, too."""
    async with asyncio.timeout(DEADLINE):
        while pool._under_way:  # noqa: ASYNC110  # The process ends it.
            await asyncio.sleep(0.001)


async def free_places(pool: HashPool) -> int:
    with held(pool):
        tasks = await fill(pool)
    await asyncio.wait(tasks)
    return len(tasks)


@pytest.fixture
def taken(pool: HashPool, monkeypatch: pytest.MonkeyPatch) -> list[Done]:
    """What came of jobs, whoever waited for it."""
    seen: list[Done] = []
    take = pool._take

    def watched(done: Done) -> None:
        seen.append(done)
        take(done)

    monkeypatch.setattr(pool, "_take", watched)
    return seen


@pytest.mark.checklist(20)
async def test_what_exceeds_threads_and_queue_is_refused_and_never_runs(pool: HashPool, taken: list[Done]) -> None:
    with held(pool):
        tasks = await fill(pool)
        assert pool.is_full()
        assert len(tasks) == PLACES
    await asyncio.gather(*tasks)
    assert len(taken) == PLACES
    assert not pool.is_full()
    assert await free_places(pool) == PLACES


async def test_the_process_has_one_job_more_than_it_has_threads_and_the_others_wait_here(pool: HashPool) -> None:
    with held(pool):
        tasks = await fill(pool)
        assert (len(pool._under_way), len(pool._waiting)) == (HANDED_ON, PLACES - HANDED_ON)
    await asyncio.gather(*tasks)


@pytest.mark.checklist(20)
@pytest.mark.skipif(sys.platform != "linux", reason="counted in /proc")
async def test_the_job_that_is_ahead_waits_for_a_thread_and_takes_no_memory_of_its_own() -> None:
    pool = HashPool(Costs(time=2, memory_kib=19_456, parallelism=1, threads=THREADS), QUEUE)
    await asyncio.gather(*await fill(pool))
    assert threads_of(process_of(pool)) == 1 + THREADS
    await pool.close()


async def test_each_caller_gets_what_became_of_its_own_job(pool: HashPool) -> None:
    one, other = await asyncio.gather(pool.run(b"one"), pool.run(b"other"))
    right, wrong = await asyncio.gather(
        pool.run(b"one", compare=True, stored=one.encoded), pool.run(b"one", compare=True, stored=other.encoded)
    )
    assert (right.ok, wrong.ok) == (True, False)


async def test_a_hash_that_fails_tells_its_caller_and_gives_its_place_back() -> None:
    pool = HashPool(Costs(time=0, memory_kib=8, parallelism=1, threads=THREADS), QUEUE)
    for _ in range(PLACES + 1):
        with pytest.raises(RuntimeError, match="Time cost is too small"):
            await pool.run(SECRET)
    assert await free_places(pool) == PLACES
    await pool.close()


@pytest.mark.checklist(20)
async def test_a_caller_cancelled_while_waiting_frees_its_place_at_once_and_never_runs(
    pool: HashPool, taken: list[Done]
) -> None:
    with held(pool):
        tasks = await fill(pool)
        for waiting in tasks[HANDED_ON:]:
            waiting.cancel()
        await asyncio.wait(tasks[HANDED_ON:])
        again = await fill(pool)
        assert len(again) == PLACES - HANDED_ON
    await asyncio.gather(*tasks[:HANDED_ON], *again)
    assert len(taken) == PLACES


@pytest.mark.checklist(20)
async def test_a_caller_cancelled_in_the_moment_in_which_a_thread_gets_free_never_runs(
    pool: HashPool, taken: list[Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    take = pool._take

    def cancelling(done: Done) -> None:
        tasks[HANDED_ON].cancel()
        take(done)

    monkeypatch.setattr(pool, "_take", cancelling)
    with held(pool):
        tasks = await fill(pool)
    await asyncio.wait(tasks)
    assert tasks[HANDED_ON].cancelled()
    assert len(taken) == PLACES - 1


@pytest.mark.checklist(20)
async def test_a_caller_cancelled_while_its_job_runs_keeps_the_place_until_it_ends(
    pool: HashPool, taken: list[Done]
) -> None:
    with held(pool):
        tasks = await fill(pool)
        for running in tasks[:HANDED_ON]:
            running.cancel()
        await asyncio.wait(tasks[:HANDED_ON])
        assert await fill(pool) == []
    await asyncio.gather(*tasks[HANDED_ON:])
    await at_rest(pool)
    assert len(taken) == PLACES
    assert await free_places(pool) == PLACES


@pytest.mark.checklist(20)
@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_lost_when_callers_are_cancelled_at_random_points(pool: HashPool, seed: int) -> None:
    chance = random.Random(seed)
    tasks: Held = []
    for _ in range(100):
        tasks.append(asyncio.create_task(pool.run(SECRET)))
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(chance.choice((0, 0, 0.001)))
        chance.choice(tasks).cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} <= {Done, HashPoolFull, asyncio.CancelledError}
    await at_rest(pool)
    assert await free_places(pool) == PLACES


async def test_when_the_process_dies_all_are_refused_and_the_next_job_starts_another(pool: HashPool) -> None:
    first = process_of(pool)
    os.kill(first, signal.SIGSTOP)
    tasks = await fill(pool)
    with capture_logs() as logs:
        os.kill(first, signal.SIGKILL)
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [HashPoolFull] * PLACES
    assert logs == [{"event": "password_hasher_ended", "log_level": "error", "status": -signal.SIGKILL}]
    assert (await pool.run(SECRET)).encoded.startswith("$argon2id$")
    assert process_of(pool) != first
    assert await free_places(pool) == PLACES


async def test_what_is_logged_of_the_process_belongs_to_no_request() -> None:
    whose: ContextVar[str] = ContextVar("whose", default="nobody's")
    whose.set("the first caller's")
    pool = HashPool(CHEAP, QUEUE)
    await pool.run(SECRET)
    assert pool._attending
    assert pool._attending.get_context().get(whose, "nobody's") == "nobody's"
    await pool.close()


async def test_where_no_process_can_start_all_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = HashPool(CHEAP, QUEUE)
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    with capture_logs() as logs, pytest.raises(HashPoolFull):
        await pool.run(SECRET)
    assert logs == [
        {"event": "password_hasher_cannot_start", "log_level": "error", "reason": "No such file or directory"}
    ]
    monkeypatch.undo()
    assert (await pool.run(SECRET)).runs == 1
    await pool.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals_for_the_server_leave_its_hashes_alone(pool: HashPool, number: signal.Signals) -> None:
    first = process_of(pool)
    with held(pool):
        tasks = await fill(pool)
        os.kill(first, number)
    assert all(done.encoded for done in await asyncio.gather(*tasks))
    assert process_of(pool) == first


async def test_closing_ends_the_process_and_who_still_waits(pool: HashPool) -> None:
    pid = process_of(pool)
    os.kill(pid, signal.SIGSTOP)
    tasks = await fill(pool)
    with capture_logs() as logs:
        await pool.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * PLACES
    assert not lives(pid)
    assert logs == []


@pytest.mark.parametrize("used", [True, False])
async def test_a_closed_pool_takes_nothing_more(used: bool) -> None:
    pool = HashPool(CHEAP, QUEUE)
    if used:
        await pool.run(SECRET)
    await pool.close()
    for _ in range(PLACES + 1):
        with pytest.raises(RuntimeError, match="closed"):
            await pool.run(SECRET)


async def test_a_pool_closed_while_its_process_starts_leaves_none() -> None:
    pool = HashPool(CHEAP, QUEUE)
    tasks = await fill(pool)
    await pool.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * PLACES
    assert pool._process is None


FORGETFUL = f"""
import asyncio, os, signal, sys
from backend.security.hashing import HashPool
from backend.security.jobs import Costs

async def main():
    pool = HashPool(Costs(1, 8, 1, 1), 8)
    await pool.run({SECRET!r})
    print(pool._process.pid, flush=True)
    for _ in range(8):
        asyncio.ensure_future(pool.run({SECRET!r}))
    await asyncio.sleep(0)
    if sys.argv[1:]:
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.parametrize("killed", [(), ("killed",)])
def test_the_process_ends_with_an_interpreter_that_did_not_close_the_pool(killed: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FORGETFUL, *killed], capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert (ended.returncode, ended.stderr) == (-signal.SIGKILL if killed else 0, "")
    deadline = time.monotonic() + DEADLINE
    while lives(int(ended.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
