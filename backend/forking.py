"""The fork server: it imports what workers need while the database is looked at, and every worker is a fork of it.

See docs/decisions/0006-start-up.md. This module imports little, for it is used before anything slow is imported.
"""

import os
import signal
import sys
from multiprocessing import forkserver, resource_tracker
from typing import Final

# Elsewhere granian hands its workers a socket, which only spawning passes on.
AVAILABLE: Final = sys.platform == "linux"

# A worker is never to hold the owner's password, and it has the environment of the fork server.
OWNER_VARIABLES: Final = ("DATABASE_OWNER_URL", "DATABASE_OWNER_URL_FILE")
# These reach a whole process group: Ctrl-C, a hang-up, `systemctl stop`.
_GROUP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start() -> None:
    """Starts the fork server unless it runs already. It ends by itself, once this process and its forks are gone.

    Signals for the group do not end it: this process would lose sight of workers that still answer requests. They are
    held back in its forks too, until these call `take_signals`.
    """
    forkserver.set_forkserver_preload(["backend.preloaded"])
    owner = {name: os.environ.pop(name) for name in OWNER_VARIABLES if name in os.environ}
    # Otherwise it starts along with the fork server, and lets signals through meanwhile.
    resource_tracker.ensure_running()
    let_through = signal.pthread_sigmask(signal.SIG_BLOCK, _GROUP_SIGNALS)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, let_through)
        os.environ |= owner


def take_signals() -> None:
    """Lets signals end this worker, also one that came before."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own would print a traceback.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _GROUP_SIGNALS)
