"""All checks, in the order in which they are told."""

from collections.abc import Iterator

from backend.checks import gate, plans, row_security
from backend.checks.allowances import allowances, unallowed
from backend.checks.database import Database, opened
from backend.checks.findings import Finding
from backend.settings import Settings


def findings(settings: Settings) -> list[Finding]:
    """What is wrong. Raises OperatorError where it cannot be found out."""
    with opened(settings) as database:
        return sorted(unallowed(_findings(settings, database), allowances()))


def _findings(settings: Settings, database: Database) -> Iterator[Finding]:
    yield from row_security.check(database)
    yield from gate.check(database)
    yield from plans.check(database)
