"""What every worker needs, imported by the fork server in advance. This module alone does something when imported.

None of it may start a thread, open a connection or read the configuration, which a fork would have to undo.
"""

import gc
import sys
from contextlib import suppress
from importlib import import_module
from typing import Final

_NEEDED: Final = ("backend.app", "granian.server", "granian.asgi", "uvloop")

# Modules are no garbage, and to look for some among them again and again takes a fifth of the time.
gc.disable()
# structlog imports rich where it finds it, which takes as long as psycopg, to draw what `backend.logs` writes plainly.
sys.modules["rich"] = None  # type: ignore[assignment]  # What is None here is not found.
# Why a module cannot be imported, the worker says, which tries again.
with suppress(Exception):
    for module in _NEEDED:
        import_module(module)
del sys.modules["rich"]
