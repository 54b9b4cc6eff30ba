"""What a worker of granian does besides serving: it loads the application, and knows when to end."""

import asyncio
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import wait
from typing import Any, Final

from backend import forking
from backend.operators import OperatorError
from backend.settings import Settings

# A worker that cannot make its application ends with this status (EX_CONFIG of sysexits.h).
REFUSED: Final = 78

# Set when this worker is about to end: from then on it is not ready, while it still answers everything else.
draining: Final = threading.Event()


def load(settings: Settings, target: str) -> Callable[..., Any]:
    """What "module:factory" makes of the settings, in a worker that ends with its parent and drains.

    It does not return when the factory raises: the worker ends, and with it the server.
    """
    forking.take_signals()
    watch_parent(settings.shutdown_timeout)
    drain_on_termination(settings.drain_seconds)
    module, _, factory = target.partition(":")
    try:
        application: Callable[..., Any] = getattr(import_module(module), factory)(settings)
    except (SystemExit, OperatorError) as error:
        sys.stderr.write(f"backend: {error}\n")
    except Exception:
        traceback.print_exc()
    else:
        # What is there now stays: the collector has nothing to look for in it, and its memory remains shared.
        gc.freeze()
        gc.enable()
        return application
    sys.exit(REFUSED)


def watch_parent(shutdown_timeout: float) -> None:
    """Ends this worker when the process that started it is gone; granian's own would go on serving.

    Without the fork server it ends as well: its parent then takes it for gone, and has another one started.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    ends: list[int] = [parent.sentinel]
    with suppress(AttributeError, OSError):  # Linux only, and in some sandboxes not even there.
        ends.append(os.pidfd_open(os.getppid()))

    def watch() -> None:
        wait(ends)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(shutdown_timeout)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def drain_on_termination(seconds: float) -> None:
    """Makes SIGTERM set `draining` and end this worker `seconds` later, or at the second SIGTERM.

    granian makes its loop before it loads the application, and takes the signals after that: hence the detour
    by call_soon. It treats SIGINT as it does SIGTERM, so that is how the signal is handed on to it.
    """
    if not seconds:
        return
    loop = asyncio.get_event_loop()

    def end() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def drain() -> None:
        if draining.is_set():
            end()
        draining.set()
        loop.call_later(seconds, end)

    loop.call_soon(loop.add_signal_handler, signal.SIGTERM, drain)
