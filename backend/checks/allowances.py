"""Findings that are right all the same, each with its reason: `queries/allowed.toml`."""

import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

import queries
from backend.checks.findings import Finding, shown
from backend.operators import OperatorError

# What could not be looked at, and why: findings whose codes begin with the one have not been looked for.
type Skipped = dict[str, str]

FILE: Final = Path(queries.__path__[0]) / "allowed.toml"


class Allowance(Struct, frozen=True, forbid_unknown_fields=True):
    """`of` is what the finding is of; `columns` narrows it to what its sentence names, where it may name several."""

    code: str
    of: str
    because: str
    columns: tuple[str, ...] = ()

    def covers(self, finding: Finding) -> bool:
        if (finding.code, finding.of) != (self.code, self.of):
            return False
        return not self.columns or any(column in finding.sentence.split() for column in self.columns)


class _File(Struct, forbid_unknown_fields=True):
    allow: tuple[Allowance, ...] = ()


@cache
def allowances(file: Path = FILE) -> tuple[Allowance, ...]:
    """Raises OperatorError for a file that cannot be read as one."""
    try:
        found = msgspec.convert(tomllib.loads(file.read_text()), _File)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise OperatorError(f"{shown(file)} cannot be read: {error}") from None
    return found.allow


def covered(finding: Finding, allowed: Iterable[Allowance]) -> bool:
    return any(one.covers(finding) for one in allowed)


def unallowed(findings: Iterable[Finding], allowed: Iterable[Allowance]) -> Iterator[Finding]:
    """Those that nothing allows, and one for each allowance that allows nothing."""
    unused = list(allowed)
    allowed = tuple(unused)
    for finding in findings:
        covering = [one for one in allowed if one.covers(finding)]
        unused = [one for one in unused if one not in covering]
        if not covering:
            yield finding
    for one in unused:
        yield Finding(
            shown(FILE), _line_of(one), "unused-allowance", f"nothing is found that {one.code} allows {one.of}"
        )


def _line_of(allowance: Allowance) -> int:
    lines = FILE.read_text().splitlines()
    return next((n for n, line in enumerate(lines, 1) if f'"{allowance.of}"' in line), 1)
