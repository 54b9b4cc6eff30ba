"""The hash threads: what does not fit is refused, and cancelled callers leave nothing behind."""

import asyncio
import random
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar

import pytest

from backend.security.hashing import HashPool, HashPoolFull

WORKERS, QUEUE = 2, 3
PLACES = WORKERS + QUEUE
DEADLINE = 30.0

caller: ContextVar[str] = ContextVar("caller")


@pytest.fixture
async def pool() -> AsyncIterator[HashPool]:
    pool = HashPool(WORKERS, QUEUE)
    yield pool
    pool.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110  # What it waits for happens in threads.
            await asyncio.sleep(0.001)


class Gate:
    """A job that stays in its thread until the gate is opened, and counts who came in."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._counting = threading.Lock()
        self.entered = 0

    def job(self) -> None:
        with self._counting:
            self.entered += 1
        assert self._open.wait(DEADLINE)

    def open(self) -> None:
        self._open.set()

    @property
    def is_open(self) -> bool:
        return self._open.is_set()


async def fill(pool: HashPool, gate: Gate) -> list[asyncio.Task[None]]:
    """Occupies every free place and returns who holds one."""
    held: list[asyncio.Task[None]] = []
    while True:
        task = asyncio.create_task(pool.run(gate.job))
        await asyncio.sleep(0)
        if task.done():
            assert isinstance(task.exception(), HashPoolFull)
            return held
        held.append(task)


async def free_places(pool: HashPool) -> int:
    gate = Gate()
    held = await fill(pool, gate)
    gate.open()
    await asyncio.gather(*held)
    return len(held)


async def fully_free(pool: HashPool) -> None:
    """Waits until every place is free: a cancelled job ends when its thread does."""
    async with asyncio.timeout(DEADLINE):
        while (places := await free_places(pool)) != PLACES:
            assert places < PLACES
            await asyncio.sleep(0.001)


@pytest.mark.checklist(20)
async def test_what_exceeds_threads_and_queue_is_refused_and_never_runs(pool: HashPool) -> None:
    gate = Gate()
    held = await fill(pool, gate)
    assert len(held) == PLACES
    gate.open()
    await asyncio.gather(*held)
    assert gate.entered == PLACES
    assert await free_places(pool) == PLACES


async def test_a_job_runs_beside_the_event_loop_with_the_callers_context(pool: HashPool) -> None:
    caller.set("ada")
    assert await pool.run(threading.get_ident) != threading.get_ident()
    assert await pool.run(caller.get) == "ada"


async def test_the_event_loop_goes_on_while_every_thread_is_busy(pool: HashPool) -> None:
    gate = Gate()
    held = await fill(pool, gate)
    await until(lambda: gate.entered == WORKERS)
    assert not any(task.done() for task in held)
    gate.open()
    await asyncio.gather(*held)


async def test_a_job_that_fails_tells_its_caller_and_gives_its_place_back(pool: HashPool) -> None:
    for _ in range(PLACES + 1):
        with pytest.raises(ZeroDivisionError):
            await pool.run(divmod, 1, 0)
    assert await free_places(pool) == PLACES


@pytest.mark.checklist(20)
async def test_a_caller_cancelled_while_waiting_frees_its_place_at_once_and_never_runs(
    pool: HashPool,
) -> None:
    gate = Gate()
    held = await fill(pool, gate)
    await until(lambda: gate.entered == WORKERS)
    for waiting in held[WORKERS:]:
        waiting.cancel()
    await asyncio.wait(held[WORKERS:])
    again = await fill(pool, gate)
    assert len(again) == QUEUE
    gate.open()
    await asyncio.gather(*held[:WORKERS], *again)
    assert gate.entered == PLACES


@pytest.mark.checklist(20)
async def test_a_caller_cancelled_while_its_job_runs_keeps_the_place_until_it_ends(pool: HashPool) -> None:
    gate = Gate()
    held = await fill(pool, gate)
    await until(lambda: gate.entered == WORKERS)
    for running in held[:WORKERS]:
        running.cancel()
    await asyncio.wait(held[:WORKERS])
    assert await fill(pool, gate) == []
    gate.open()
    await asyncio.gather(*held[WORKERS:])
    await fully_free(pool)


@pytest.mark.checklist(20)
@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_lost_when_callers_are_cancelled_at_random_points(pool: HashPool, seed: int) -> None:
    chance = random.Random(seed)
    ended = 0

    def job(steps: int) -> None:
        nonlocal ended
        sum(range(steps))
        ended += 1

    tasks = []
    for _ in range(100):
        tasks.append(asyncio.create_task(pool.run(job, chance.randrange(20_000))))
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        chance.choice(tasks).cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} <= {type(None), HashPoolFull, asyncio.CancelledError}
    assert ended >= results.count(None)
    await fully_free(pool)


async def test_each_thread_is_prepared_once() -> None:
    prepared: list[int] = []
    pool = HashPool(WORKERS, QUEUE, lambda: prepared.append(threading.get_ident()))
    assert await free_places(pool) == PLACES
    assert await free_places(pool) == PLACES
    pool.close()
    assert len(prepared) == len(set(prepared)) == WORKERS


async def test_closing_ends_the_threads_and_who_still_waits() -> None:
    before = set(threading.enumerate())  # Applications of other tests have such threads too.
    pool, gate = HashPool(1, 1), Gate()
    held = await fill(pool, gate)
    await until(lambda: gate.entered == 1)
    threads = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("password-hash")]
    assert len(threads) == 1
    opener = threading.Timer(0.01, gate.open)
    opener.start()
    pool.close()
    assert gate.is_open
    assert not any(thread.is_alive() for thread in threads)
    results = await asyncio.gather(*held, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), asyncio.CancelledError]


async def test_a_closed_pool_takes_nothing_more(pool: HashPool) -> None:
    pool.close()
    for _ in range(PLACES + 1):
        with pytest.raises(RuntimeError):
            await pool.run(sum, ())


FORGETFUL = """
import asyncio
from backend.security.hashing import HashPool

async def main():
    pool = HashPool(1, 8)
    for _ in range(8):
        asyncio.ensure_future(pool.run(sum, range(100_000)))
    await asyncio.sleep(0)

asyncio.run(main())
"""


def test_an_interpreter_that_forgot_to_close_the_pool_still_ends() -> None:
    ended = subprocess.run([sys.executable, "-c", FORGETFUL], capture_output=True, timeout=DEADLINE, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
