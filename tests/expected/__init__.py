"""What every resource says about itself, for the tests that walk all of them: one module a resource.

A module may have ROUTES, by name as in the contract; GRANTS, by table; and IDS, by path parameter, the way in which
somebody comes to have such an id. A route or a table without a line fails, and so does a line of what is not there.
"""

import pkgutil
from importlib import import_module
from typing import Any, Final

from tests.expected.shapes import Grants, Route, Way


def _collected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(__path__):
        lines = getattr(import_module(f"{__name__}.{info.name}"), name, {})
        assert found.keys().isdisjoint(lines), f"{info.name}.{name} says again what another module says"
        found |= lines
    return found


ROUTES: Final[dict[str, Route]] = _collected("ROUTES")
GRANTS: Final[dict[str, Grants]] = _collected("GRANTS")
IDS: Final[dict[str, Way]] = _collected("IDS")
# By the constraint that keeps a field unique, the code of the refusal that it becomes.
TAKEN: Final[dict[str, str]] = _collected("TAKEN")
