"""The deadline of every request in flight: they all have the same time, so one timer does for them all."""

import asyncio
from collections.abc import Callable


class Deadlines:
    """Calls back for each entry that is not removed within `seconds`; one instance belongs to one event loop.

    The entries lie in the order in which they came, so the first is always the next to expire.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: dict[Callable[[], None], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, expire: Callable[[], None]) -> None:
        """`expire` is called once, in the event loop, and must not raise."""
        loop = asyncio.get_running_loop()
        self._entries[expire] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look)

    def remove(self, expire: Callable[[], None]) -> None:
        """From now on it is not called; it may have been already."""
        self._entries.pop(expire, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now, expired = loop.time(), []
        for expire, due in self._entries.items():
            if due > now:
                self._timer = loop.call_later(due - now, self._look)
                break
            expired.append(expire)
        else:
            self._timer = None
        for expire in expired:
            # Another that has just been called may have removed it.
            if self._entries.pop(expire, None) is not None:
                expire()
