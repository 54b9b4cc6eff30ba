"""All checks, in the order in which they are told."""

from collections.abc import Callable, Iterator

from backend.checks import configuration
from backend.checks.allowances import Skipped, allowances, covered, unallowed
from backend.checks.changes import contract, migrations, releases
from backend.checks.database import Database, opened
from backend.checks.findings import Finding
from backend.checks.plans import planning
from backend.checks.schema import gate, row_security
from backend.checks.statements import comparing
from backend.settings import Settings


def findings(
    settings: Settings,
    *,
    document: bytes | None = None,
    replicas: int = 1,
    say: Callable[[str], object] = lambda _: None,
) -> list[Finding]:
    """What is wrong. Raises OperatorError where it cannot be found out; what could not be looked at is said.

    `document` is what `backend openapi` writes.
    """
    skipped: Skipped = {}
    # Before anything else: all of it would be compared with a schema that is not the one it was written for.
    if settings.database_owner_url and (waiting := list(migrations.pending(settings))):
        found = [*waiting, *migrations.check(skipped)]
        left = [one for one in found if not covered(one, allowances())]
    else:
        with opened(settings) as database:
            found = [
                *_findings(settings, database),
                *migrations.check(skipped),
                *releases.check(database, skipped, releases.STATEMENTS),
                *configuration.check(settings, database, replicas=replicas),
                *contract.check(document, skipped, contract.FILE, releases.OPENAPI),
            ]
        looked_for = [one for one in allowances() if not one.code.startswith(tuple(skipped))]
        left = list(unallowed(found, looked_for))
    for reason in dict.fromkeys(skipped.values()):
        say(reason)
    return sorted(left)


def _findings(settings: Settings, database: Database) -> Iterator[Finding]:
    yield from comparing.check(database)
    yield from row_security.check(database)
    yield from gate.check(database)
    yield from planning.check(database)
