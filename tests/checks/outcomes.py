"""What became of what was made wrong on purpose, and the table of it."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

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
