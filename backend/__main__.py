"""The entry point of `backend` and `python -m backend`. The workers of `serve` import it again: it imports little."""

import os
import signal
import sys
from typing import NoReturn


def main() -> None:
    """Runs the command; SIGTERM ends it with 128 and its number, as shells count.

    The signal is taken before anything slow is imported: process 1 of a container ignores what it does not take.
    """
    signal.signal(signal.SIGTERM, _end)
    if sys.argv[1:2] == ["serve"] and not {"--reload", "--help"} & set(sys.argv):
        _start_early()
    from backend.cli import main as run

    run()


def _start_early() -> None:
    """Lets the fork server import what workers need, which takes longest, while the command finds its feet."""
    from backend import forking

    if forking.AVAILABLE:
        forking.start()


def _end(number: int, _: object) -> NoReturn:
    os._exit(128 + number)


if __name__ == "__main__":
    main()
