"""Where password hashes are computed: a few threads beside the event loop, with room for few more to wait."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from threading import BoundedSemaphore


class HashPoolFull(Exception):
    """Every thread is busy and every place to wait taken. Nothing was computed; trying again may work."""


class HashPool:
    """`workers` threads and `queue` places to wait; what does not fit is refused first (ASVS 15.1.3, 15.2.2).

    `thread_initializer` runs once in each thread before its first job, and must not raise: it is the place to
    change how the operating system schedules these threads. An interpreter that ends without `close()` first
    finishes what was admitted, which the queue bounds.
    """

    def __init__(self, workers: int, queue: int, thread_initializer: Callable[[], None] | None = None) -> None:
        self._places = BoundedSemaphore(workers + queue)
        self._threads = ThreadPoolExecutor(workers, "password-hash", thread_initializer)

    def is_full(self) -> bool:
        """Whether a job would not be taken now. It reserves nothing: another may come first."""
        if not self._places.acquire(blocking=False):
            return True
        self._places.release()
        return False

    def refuse_when_full(self) -> None:
        """Raises HashPoolFull when it is."""
        if self.is_full():
            raise HashPoolFull

    async def run[**P, T](self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `job` returns or raises, computed in a thread that sees the caller's context variables.

        A caller cancelled while it waits gives its place back at once and its job never runs; after that its
        place stays taken until the thread is free again, since the work cannot be stopped.

        Raises HashPoolFull, and RuntimeError after `close()`.
        """
        if not self._places.acquire(blocking=False):
            raise HashPoolFull
        try:
            future = self._threads.submit(copy_context().run, partial(job, *args, **kwargs))
        except BaseException:
            self._places.release()
            raise
        # It calls back exactly once, whether it ended, failed or was cancelled, and before the caller wakes.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Ends the threads after the jobs they are in; callers still waiting see a CancelledError."""
        self._threads.shutdown(wait=True, cancel_futures=True)
