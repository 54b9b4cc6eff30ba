"""What PostgreSQL knows of its functions and operators, as it is needed to judge conditions."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

type Ask = Callable[[str], list[tuple[Any, ...]]]

# Reading a variable of the session costs no more than a constant does: now(), and CURRENT_USER, which is no function.
_CHANGING: Final = """
SELECT p.oid, p.proname
FROM   pg_proc p
JOIN   pg_language l ON l.oid = p.prolang
WHERE  provolatile <> 'i' AND NOT (provolatile = 's' AND pronargs = 0 AND lanname = 'internal')
"""

_LEAKPROOF: Final = "SELECT oid FROM pg_proc WHERE proleakproof"
_OPERATORS: Final = "SELECT amopfamily, amopopr FROM pg_amop"
# LIKE, ILIKE and regular expressions, and the contrary of each.
_PATTERNS: Final = "SELECT oid FROM pg_operator WHERE oprname ~ '^!?~~?[*]?$' AND oprkind = 'b'"
_EQUALITIES: Final = "SELECT oid FROM pg_operator WHERE oprname = '='"
_CODES: Final = "SELECT oid, oprcode::oid FROM pg_operator"


class Vocabulary:
    """Each part is read when it is first asked for."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask

    @cached_property
    def changing(self) -> dict[int, str]:
        """The functions that are not IMMUTABLE, and are more than a look at a variable."""
        return dict(self.ask(_CHANGING))

    @cached_property
    def leakproof(self) -> frozenset[int]:
        """The functions that tell nothing of their arguments but in what they return."""
        return frozenset(oid for (oid,) in self.ask(_LEAKPROOF))

    @cached_property
    def operators(self) -> frozenset[tuple[int, int]]:
        """Which family of operators has which: what an index of it can look for."""
        return frozenset(self.ask(_OPERATORS))

    @cached_property
    def code_of(self) -> dict[int, int]:
        """The function that each operator calls."""
        return dict(self.ask(_CODES))

    @cached_property
    def patterns(self) -> frozenset[int]:
        """The operators that look for a pattern."""
        return frozenset(oid for (oid,) in self.ask(_PATTERNS))

    @cached_property
    def equalities(self) -> frozenset[int]:
        """The operators that are called `=`."""
        return frozenset(oid for (oid,) in self.ask(_EQUALITIES))
