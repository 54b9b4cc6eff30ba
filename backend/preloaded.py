"""What every worker needs, imported by the fork server in advance. This module alone does something when imported.

None of it may start a thread, open a connection or read the configuration, which a fork would have to undo.
"""

import gc
from contextlib import suppress
from importlib import import_module
from typing import Final

_NEEDED: Final = ("backend.app", "granian.server", "granian.asgi", "uvloop")

# Modules are no garbage, and looking for some among them takes a tenth of the time.
gc.disable()
# Why a module cannot be imported, the worker says, which tries again.
with suppress(Exception):
    for module in _NEEDED:
        import_module(module)
# A worker's collector leaves alone what is there now, so its memory stays shared.
gc.freeze()
gc.enable()
