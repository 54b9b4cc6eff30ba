"""The committed OpenAPI document: whether it is the one of these routes, and keeps what the last release promised."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from backend.checks.allowances import Skipped
from backend.checks.changes.breaking import breaks
from backend.checks.changes.pointers import escaped, line_at, lines_of
from backend.checks.changes.releases import OPENAPI
from backend.checks.findings import ROOT, Finding, shown
from backend.operators import OperatorError

FILE: Final = ROOT / "openapi.json"
# Of a checkout: what is installed without it has no documents to compare, as the container image.
_CHECKOUT: Final = ROOT / "pyproject.toml"


def check(
    document: bytes | None, skipped: Skipped, committed: Path = FILE, released: Path = OPENAPI
) -> Iterator[Finding]:
    """`document` is what `backend openapi` writes. Raises OperatorError where a file cannot be read."""
    if document is None or not _CHECKOUT.is_file():
        why = f"there is no {shown(committed)} here, so the contract is not compared"
        skipped["contract"] = skipped["breaking"] = why
        return
    if not committed.is_file():
        yield Finding(shown(committed), 1, "contract", "is not there; run backend openapi", shown(committed))
        return
    now, new, text = _read(committed), msgspec.json.decode(document), committed.read_text()
    lines = lines_of(text)
    if (pointer := _first_difference(now, new)) is not None:
        sentence = f"is not what the routes are at {pointer or 'its top'}; run backend openapi"
        yield Finding(shown(committed), line_at(pointer, lines), "contract", sentence, shown(committed))
    elif text.encode() != document:
        yield Finding(shown(committed), 1, "contract", "is in another form; run backend openapi", shown(committed))
    if not released.is_file():
        skipped["breaking"] = f"there is no {shown(released)}, so the contract is not compared with the last release"
        return
    for broken in breaks(_read(released), new):
        sentence = f"{broken.sentence} ({broken.pointer})"
        yield Finding(shown(committed), line_at(broken.pointer, lines), "breaking", sentence, broken.pointer)


def _read(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise OperatorError(f"{shown(file)} cannot be read: {error}") from None


def _first_difference(one: Any, other: Any, pointer: str = "") -> str | None:
    """The pointer of the first value that is not the same, or that only one of them has."""
    if isinstance(one, dict) and isinstance(other, dict):
        pairs = [(key, one.get(key, ...), other.get(key, ...)) for key in dict.fromkeys([*one, *other])]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(str(number), *both) for number, both in enumerate(zip(one, other, strict=True))]
    else:
        return None if one == other and type(one) is type(other) else pointer
    found = (_first_difference(here, there, f"{pointer}/{escaped(key)}") for key, here, there in pairs)
    return next((place for place in found if place is not None), None)
