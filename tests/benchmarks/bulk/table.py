"""The rows that are moved, and the table as each of those who move them finds it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import dict_row

from backend.operators import OperatorError

BATCH: Final = 1000
# Of so many items one has no description.
_WITHOUT: Final = 4
_NULL: Final = r"\N"

# Rewritten with its indexes, the table is what it was before; the checkpoint makes that true of the log as well.
RESTORE: Final = (
    "DELETE FROM items WHERE owner_id = ANY (%(owners)s)",
    "VACUUM (FULL, ANALYZE) items",
    "CHECKPOINT",
)
# Whoever reads first after a write would have to note for the others which rows are committed.
SETTLE: Final = ("VACUUM (ANALYZE) items", "CHECKPOINT")

COUNT: Final = "SELECT count(*) FROM items WHERE owner_id = ANY (%(owners)s)"

ALL: Final = """
SELECT id, owner_id, title, description, created_at, updated_at
FROM   items
WHERE  owner_id = %(owner)s
ORDER BY id
"""


class Files(NamedTuple):
    """The same rows as lines of JSON and as PostgreSQL's COPY reads them, and a batch of them."""

    lines: Path
    copy: Path
    batch: Path
    rows: int


def prepared(folder: Path, owner: UUID, rows: int) -> Files:
    """Written row by row, for there may be millions."""
    files = Files(folder / f"{rows}.ndjson", folder / f"{rows}.copy", folder / "batch.json", rows)
    with files.lines.open("wb") as lines, files.copy.open("w") as copy:
        for item in _items(rows):
            lines.write(msgspec.json.encode(item) + b"\n")
            copy.write("\t".join((str(owner), item["title"], item.get("description", _NULL))) + "\n")
    files.batch.write_bytes(msgspec.json.encode(list(_items(BATCH))))
    return files


def _items(number: int) -> Iterator[dict[str, str]]:
    for one in range(number):
        title = {"title": f"Item {one}"}
        yield title if one % _WITHOUT == 0 else title | {"description": f"What is to be said of item {one}"}


class Table:
    """`items`, as the superuser of `url` sees them; what `owners` have is what was moved."""

    def __init__(self, url: str, owners: Sequence[UUID]) -> None:
        self._superuser = psycopg.connect(url, autocommit=True)
        self._owners = {"owners": list(owners)}

    def restore(self) -> None:
        """The owners have nothing."""
        for statement in RESTORE:
            self._superuser.execute(statement, self._owners if "%" in statement else None)

    def settle(self) -> None:
        for statement in SETTLE:
            self._superuser.execute(statement)

    def check(self, rows: int) -> None:
        """Raises OperatorError when the owners do not have just so many."""
        ((found,),) = self._superuser.execute(COUNT, self._owners).fetchall()
        if found != rows:
            raise OperatorError(f"{found} rows are in the table, where {rows} should be")

    def all_of(self, owner: UUID) -> list[dict[str, Any]]:
        with self._superuser.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(ALL, {"owner": owner}).fetchall()

    def close(self) -> None:
        self._superuser.close()
