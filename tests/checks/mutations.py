"""Everything made wrong on purpose, and who notices: `uv run python -m tests.checks.mutations` prints the table.

What Python refuses when it is imported, or PostgreSQL when it is prepared or altered, is caught alone. All else
`backend check` has to find, except what is equivalent.
"""

import tempfile
from pathlib import Path

from backend.checks.database import opened
from backend.database.embedded import DATABASE, Embedded
from backend.database.migrate import migrate
from tests.checks import schema_mutations, statement_mutations
from tests.checks.outcomes import table
from tests.conftest import FAST, settings_for


def main() -> None:
    """On a database of its own."""
    with tempfile.TemporaryDirectory(prefix="lodestar-mutations-") as folder:
        server = Embedded.start(Path(folder), FAST)
        try:
            settings = settings_for(server, DATABASE)
            migrate(settings)
            with opened(settings) as database:
                rows = statement_mutations.rows(database)
            rows += schema_mutations.rows(settings, server.superuser_url)
        finally:
            server.erase()
    print(table(rows))  # noqa: T201  # It is what it is for.
    for row in rows:
        for what in row.missed:
            print(f"missed: {row.kind}: {what}")  # noqa: T201


if __name__ == "__main__":
    main()
