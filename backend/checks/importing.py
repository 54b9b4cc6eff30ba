"""Modules that somebody is writing: where one cannot be imported, a line says what is wrong and where."""

from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from types import ModuleType

from backend.checks.findings import shown
from backend.operators import OperatorError


def module_of(name: str) -> ModuleType:
    """Raises OperatorError, whatever the module raises."""
    try:
        return import_module(name)
    except Exception as error:  # It runs whatever somebody has written.
        *_, (frame, line) = walk_tb(error.__traceback__)
        place = f"{shown(Path(frame.f_code.co_filename))}:{line}"
        raise OperatorError(f"{name} cannot be imported: {type(error).__name__}: {error} ({place})") from None
