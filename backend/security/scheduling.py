"""How the operating system schedules the threads whose work can wait."""

import os
from contextlib import suppress


def yield_to_everybody() -> None:
    """Puts the calling thread under SCHED_IDLE (sched(7)): it gets the CPU that everybody else on the machine leaves.

    Where there is no such policy, or it is refused, nothing happens. An ordinary user has no way back, unless
    RLIMIT_NICE allows it, so the policy cannot be confined to the hash itself: the thread is idle also when it takes
    the GIL to hand in its result, and could be kept from running while it holds it (priority inversion). Measured with
    two such threads hashing on two cores, the lateness of a 3 ms timer in the event loop, p99 without and with this:
    4.4 and 2.4 ms on a quiet machine, 17 and 12 ms beside two busy processes of others. A loop that waits for the GIL
    leaves its core to the thread that holds it, and that is why; only where more busy processes than cores share the
    server's own session or control group was the tail now and then the longer one. The price: log-ins wait for a
    machine that others keep busy.
    """
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
