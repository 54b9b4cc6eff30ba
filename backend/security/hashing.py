"""Where password hashes are computed: in a process of its own beside the worker, with room for few more to wait.

Not in threads of the worker, although Argon2 lets go of the GIL: threads that yield to everybody would yield only
within the worker's group of processes. See docs/decisions/0013-a-process-that-hashes.md.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from contextlib import suppress
from contextvars import Context
from pathlib import Path
from typing import Final

import structlog
from msgspec import json

from backend.security.jobs import Costs, Done, Job

_PROGRAM: Final = ("-m", "backend.security.hasher")
_ROOT: Final = Path(__file__).parents[2]
# Jobs that the process has beyond those that run, so that a thread that gets free need not wait for a busy worker.
_AHEAD: Final = 1

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class HashPoolFull(Exception):
    """Nothing was computed, for every place is taken, or the process has just ended; trying again may work."""


class HashPool:
    """`costs.threads` hashes at once and `queue` places to wait; what does not fit is refused first
    (ASVS 15.1.3, 15.2.2).

    The process starts with the first job, and again with the first after it has ended. It ends with this one.
    """

    def __init__(self, costs: Costs, queue: int) -> None:
        self._costs = costs
        self._places = costs.threads + queue
        self._waiting: deque[tuple[asyncio.Future[Done], Job]] = deque()
        self._under_way: dict[int, asyncio.Future[Done]] = {}
        self._number = 0
        self._process: Process | None = None
        self._attending: asyncio.Task[None] | None = None
        self._closed = False
        self._decode = json.Decoder(Done).decode

    def is_full(self) -> bool:
        """Whether a job would not be taken now. It reserves nothing: another may come first."""
        return len(self._waiting) + len(self._under_way) >= self._places

    async def run(self, secret: bytes, *, compare: bool = False, stored: str | None = None) -> Done:
        """What became of the job.

        A caller cancelled before the process has its job gives its place back at once and the job never runs; after
        that its place stays taken until the hash is done, since the work cannot be stopped.

        Raises HashPoolFull, and RuntimeError after `close()` or when the hash failed.
        """
        if self._closed:
            raise RuntimeError("the hash pool is closed")
        if self.is_full():
            raise HashPoolFull
        self._number += 1
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        waits = future, Job(self._number, secret, compare, stored)
        self._waiting.append(waits)
        if not self._attending or self._attending.done():
            # In a context of its own: what is logged of the process belongs to no request.
            self._attending = asyncio.create_task(self._attend(), context=Context())
        self._hand_on()
        try:
            done = await future
        finally:
            if waits in self._waiting:
                self._waiting.remove(waits)
        if done.failed:
            raise RuntimeError(f"a password could not be hashed: {done.failed}")
        return done

    async def close(self) -> None:
        """Ends the process; callers still waiting see a CancelledError."""
        self._closed = True
        for future in self._pending():
            future.cancel()
        if self._attending:
            self._attending.cancel()
            await asyncio.wait([self._attending])

    async def _attend(self) -> None:
        """From the start of the process until its end."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *_PROGRAM, json.encode(self._costs).decode()),
                stdin=PIPE,
                stdout=PIPE,
                cwd=_ROOT,
                start_new_session=True,
            )
        except OSError as error:
            _log.error("password_hasher_cannot_start", reason=error.strerror)
        else:
            await self._converse(process)
            _log.error("password_hasher_ended", status=process.returncode)
        finally:
            for future in self._pending():
                if not future.cancelled():
                    future.set_exception(HashPoolFull())
            self._waiting.clear()
            self._under_way.clear()

    async def _converse(self, process: Process) -> None:
        assert process.stdout
        self._process = process
        try:
            self._hand_on()
            while line := await process.stdout.readline():
                self._take(self._decode(line))
        finally:
            self._process = None
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _pending(self) -> list[asyncio.Future[Done]]:
        return [*(future for future, _ in self._waiting), *self._under_way.values()]

    def _hand_on(self) -> None:
        """Jobs to threads that are free, and next. What is written is little, and read at once: nothing piles up."""
        reads = self._process and self._process.stdin
        while reads and self._waiting and len(self._under_way) < self._costs.threads + _AHEAD:
            future, job = self._waiting.popleft()
            if not future.cancelled():
                self._under_way[job.number] = future
                reads.write(json.encode(job) + b"\n")

    def _take(self, done: Done) -> None:
        future = self._under_way.pop(done.number)
        if not future.cancelled():
            future.set_result(done)
        self._hand_on()
