"""Everything made wrong on purpose, and who notices: `uv run python -m tests.checks.mutations` prints the table.

What Python refuses when it is imported, or PostgreSQL when it is prepared, is caught alone. All else `backend check`
has to find, except what is equivalent.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from backend.checks.database import Database, opened
from backend.database.embedded import DATABASE, Embedded
from backend.database.migrate import migrate

type Outcome = Literal["alone", "found", "equivalent", "missed"]

_HEAD: Final = ("mutation", "generated", "caught alone", "found by check", "equivalent", "missed")


class Row(NamedTuple):
    """Of one kind; `missed` has what was."""

    kind: str
    alone: int
    found: int
    equivalent: int
    missed: tuple[str, ...]

    @property
    def generated(self) -> int:
        return self.alone + self.found + self.equivalent + len(self.missed)


def tallied(outcomes: Iterable[tuple[str, str, Outcome]]) -> list[Row]:
    """A row for each kind, of (kind, what was done, outcome)."""
    kinds: dict[str, list[tuple[str, Outcome]]] = {}
    for kind, what, outcome in outcomes:
        kinds.setdefault(kind, []).append((what, outcome))
    return [_row(kind, of_kind) for kind, of_kind in kinds.items()]


def _row(kind: str, of_kind: Sequence[tuple[str, Outcome]]) -> Row:
    every = [outcome for _, outcome in of_kind]
    missed = tuple(what for what, outcome in of_kind if outcome == "missed")
    return Row(kind, every.count("alone"), every.count("found"), every.count("equivalent"), missed)


def table(rows: Sequence[Row]) -> str:
    """In Markdown, with a line for all of them."""
    lines = [
        (row.kind, row.generated, row.alone, row.found, row.equivalent, len(row.missed))
        for row in (*rows, _row_of_all(rows))
    ]
    written = [_HEAD, ("---", *("---:" for _ in _HEAD[1:])), *lines]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in written)


def _row_of_all(rows: Sequence[Row]) -> Row:
    missed = tuple(one for row in rows for one in row.missed)
    sums = [sum(row[place] for row in rows) for place in (1, 2, 3)]  # type: ignore[misc]
    return Row("all", *sums, missed)


def main() -> None:
    """On a database of its own."""
    from tests.checks import statement_mutations
    from tests.conftest import FAST, settings_for

    parts: list[Callable[[Database], list[Row]]] = [statement_mutations.rows]
    with tempfile.TemporaryDirectory(prefix="lodestar-mutations-") as folder:
        server = Embedded.start(Path(folder), FAST)
        try:
            settings = settings_for(server, DATABASE)
            migrate(settings)
            with opened(settings) as database:
                rows = [row for part in parts for row in part(database)]
        finally:
            server.erase()
    print(table(rows))  # noqa: T201  # It is what it is for.
    for row in rows:
        for what in row.missed:
            print(f"missed: {row.kind}: {what}")  # noqa: T201


if __name__ == "__main__":
    main()
