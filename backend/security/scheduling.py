"""How the operating system schedules a process whose work can wait."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

# The weight of a group of processes, as nice(2) has it.
_GROUP: Final = Path("/proc/self/autogroup")
_NICEST: Final = "19"
# Linux takes one such wish in a tenth of a second from all who are not root, and refuses the others with EAGAIN.
_TRIES: Final = 50
_PAUSE_SECONDS: Final = 0.05


def yield_to_everybody() -> None:
    """Gives this process the CPU that everybody else on the machine leaves.

    Its policy becomes SCHED_IDLE (sched(7)), also that of threads that begin later. That counts only within a group
    of processes, and where a kernel groups them by sessions ("autogroup") the session gets the least weight, too, if
    this process leads it: others would have no way back.
    What the system does not have, or does not allow, is left as it is.
    """
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if os.getsid(0) == os.getpid():
        _weigh_least()


def _weigh_least() -> None:
    for _ in range(_TRIES):
        try:
            _GROUP.write_text(_NICEST)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            return
        else:
            return
