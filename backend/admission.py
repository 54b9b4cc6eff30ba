"""How many requests a worker is busy with, who waits outside, and when waiting would help nobody.

More at once does not get more done: one event loop serves them in turn, and each makes the others slower. Who finds no
slot waits, having cost next to nothing yet, oldest first: a thousand callers who ask again after each answer are all
served, at the speed of the server.

Callers who do not wait for their answers are another matter: what waits grows for as long as they come, and at last
nobody is answered in time. A room that is more than half full and has grown by more than all slots in each of four
windows is such a surge. A crowd that finds room in a half is none, however slowly it connects, nor is a larger one that
comes within three windows; one that comes more slowly cannot be told from a surge until it stops growing. Short windows
show a flood, longer ones that a little more is asked than can be served. Who finds no place counts as if he waited, for
a stall can fill the room at once. Until the surge has ebbed, who finds no slot is refused at once, and those who wait
are refused little by little; then the room is tried again. While it grows the newest is served first, so that the time
it takes to notice is the latency only of those who will be refused anyway (adaptive LIFO: Maurer, "Fail at Scale", ACM
Queue 13(8), 2015).

In a surge half of the slots stay empty. To refuse takes CPU from those who are served, so fewer are done in a second;
with as many at once as ever each would take longer (Little's law), and no more would be done.
"""

import asyncio
from collections import deque
from contextvars import ContextVar
from typing import Final

_LOOK_SECONDS: Final = 0.05
# After how many looks a window ends, the short ones and the longer ones.
_LOOKS: Final = (1, 5)
_WINDOWS: Final = 4
_SURGE_SECONDS: Final = 3.0

# The admission of which the request has a slot, in whose context this is read.
HELD: Final = ContextVar["Admission | None"]("admission", default=None)


class SteppingOut:
    """Leaves the slot to another for as long as this request waits for its client or a hash. A stream, of which there
    are a few and which are counted by themselves, is outside from its first byte to its last."""

    __slots__ = ("_admission",)

    def __enter__(self) -> None:
        self._admission = HELD.get()
        if self._admission:
            self._admission.leave()

    def __exit__(self, *_: object) -> None:
        if self._admission:
            self._admission.come_back()


class _Trend:
    """In how many windows in a row a room has grown, each time by more than `least`."""

    __slots__ = ("_before", "_least", "_looked", "_looks", "_windows")

    def __init__(self, looks: int, least: int) -> None:
        self._looks = looks
        self._least = least
        self.begin(0)

    def begin(self, waiting: int) -> None:
        self._windows = 0
        self._begin_window(waiting)

    def _begin_window(self, waiting: int) -> None:
        self._before = waiting
        self._looked = 0

    def rises(self, waiting: int) -> bool:
        """Whether it has grown lately, or does now."""
        return self._windows > 0 or self._has_grown(waiting)

    def surges(self, waiting: int) -> bool:
        """Asked at each look. After four such windows each further one says so again."""
        self._looked += 1
        if self._looked < self._looks:
            return False
        has_grown = self._has_grown(waiting)
        is_fourth = has_grown and self._windows == _WINDOWS - 1
        if not is_fourth:
            self._windows = self._windows + 1 if has_grown else 0
        self._begin_window(waiting)
        return is_fourth

    def _has_grown(self, waiting: int) -> bool:
        return waiting > self._before + self._least


class Admission:
    """`slots` requests at once, `places` to wait, each for `patience` seconds at the most."""

    def __init__(self, slots: int, places: int, patience: float) -> None:
        self._slots = self._free = slots
        self._places = places
        self._patience = patience
        self._room: deque[tuple[float, asyncio.Future[bool]]] = deque()
        self._trends = [_Trend(looks, slots) for looks in _LOOKS]
        self._without_place = 0
        self._surge_until = 0.0
        self._watch: asyncio.TimerHandle | None = None

    def turns_away(self) -> bool:
        """Whether who comes now is refused at once."""
        if self._has_slot():
            return False
        if self._surges():
            return True
        finds_none = len(self._room) >= self._places
        self._without_place += finds_none
        return finds_none

    def enters(self) -> bool:
        """Takes a slot if there is one to be had."""
        if self._has_slot():
            self._free -= 1
            return True
        return False

    async def enter(self) -> bool:
        """Takes a slot, and whoever has it has to `leave`. False: refused."""
        if self.turns_away():
            return False
        if self.enters():
            return True
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._room.append((loop.time(), turn))
        if self._watch is None:
            self._watch = loop.call_later(_LOOK_SECONDS, self._look)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave()
            raise

    def leave(self) -> None:
        """Hands the slot on."""
        self._free += 1
        while self._free > 0 and self._room and not self._surges():
            _, turn = self._room.pop() if self._rises() else self._room.popleft()
            if not turn.done():
                self._free -= 1
                turn.set_result(True)

    def come_back(self) -> None:
        """Takes a slot again at once, after `leave`: for a request that is under way and had to wait for its client."""
        self._free -= 1

    def _has_slot(self) -> bool:
        return self._free > (self._slots // 2 if self._surges() else 0)

    def _surges(self) -> bool:
        return self._surge_until > 0 and asyncio.get_running_loop().time() < self._surge_until

    def _rises(self) -> bool:
        wanted = self._wanted()
        return any(trend.rises(wanted) for trend in self._trends)

    def _wanted(self) -> int:
        """Places, taken or not to be had, since the room was last empty."""
        return len(self._room) + self._without_place

    def _look(self) -> None:
        """Now and then, for as long as somebody waits or a surge lasts."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._room and self._room[0][0] < now - self._patience:
            self._refuse_oldest(1)
        if now < self._surge_until:
            self._refuse_oldest(max(self._slots, len(self._room) // 8))
            for trend in self._trends:
                trend.begin(self._wanted())
        else:
            found = [trend.surges(self._wanted()) for trend in self._trends]
            if any(found) and len(self._room) > self._places // 2:
                self._surge_until = now + _SURGE_SECONDS
        if self._room or now < self._surge_until:
            self._watch = loop.call_later(_LOOK_SECONDS, self._look)
        else:
            self._watch = None
            self._without_place = 0
            for trend in self._trends:
                trend.begin(0)

    def _refuse_oldest(self, number: int) -> None:
        for _ in range(min(number, len(self._room))):
            _, turn = self._room.popleft()
            if not turn.done():
                turn.set_result(False)
