"""Writes a plan: all of it, or nothing."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from backend.internal.scaffold.plan import File
from backend.operators import OperatorError

_DOCUMENT: Final = "openapi.json"
_SECONDS: Final = 120


def written(files: Sequence[File], root: Path) -> list[str]:
    """The paths that were written, `openapi.json` with them where the checkout has one.

    Raises OperatorError with one line. What was written until then, also when it is interrupted, is taken back.
    """
    before: dict[Path, bytes | None] = {}
    after: dict[Path, bytes] = {}
    try:
        for file in files:
            path = root / file.path
            before[path] = path.read_bytes() if path.exists() else None
            if before[path] != (None if file.before is None else file.before.encode()):
                raise OperatorError(f"{file.path} has changed meanwhile")
            after[path] = file.text.encode()
            _replace(path, after[path])
        document = _document(root)
        path = root / _DOCUMENT
        if path.exists():
            before[path], after[path] = path.read_bytes(), document
            _replace(path, document)
            return [*(file.path for file in files), _DOCUMENT]
    except BaseException as error:
        _take_back(before, after)
        if isinstance(error, OSError):
            raise OperatorError(f"nothing was written: {error.strerror}: {error.filename}") from None
        raise
    return [file.path for file in files]


def _replace(path: Path, content: bytes) -> None:
    """Whole: nobody who reads it meanwhile, as `backend serve --reload` does, sees a half of it."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_bytes(content)
        if path.exists():
            beside.chmod(path.stat().st_mode)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _take_back(before: dict[Path, bytes | None], after: dict[Path, bytes]) -> None:
    """What is still as it was written: what somebody saved meanwhile is his."""
    for path, content in before.items():
        if not path.exists() or path.read_bytes() != after.get(path):
            continue
        if content is None:
            path.unlink()
        else:
            _replace(path, content)


def _document(root: Path) -> bytes:
    """The document with the new routes in it, from an interpreter that has not yet imported anything.

    That it can be made says that what was written can be imported and belongs together.
    """
    command = [sys.executable, "-m", "backend", "openapi", "-"]
    made = subprocess.run(command, cwd=root, check=False, capture_output=True, timeout=_SECONDS)  # noqa: S603  # Of constants.
    if made.returncode:
        said = made.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"]
        raise OperatorError(f"nothing was written, for the application would not start with it: {said[-1]}")
    return made.stdout
