"""How rows are moved in and out: by the API, and beside it by psql, which nothing of ours slows down."""

import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

import httpx
import msgspec

from backend.operators import OperatorError
from tests.benchmarks.bulk.client import Moved
from tests.benchmarks.bulk.table import Files, Table
from tests.benchmarks.loading import last_core
from tests.benchmarks.servers import Server
from tests.benchmarks.stage import Stage
from tests.process.running import ROOT

_SAID: Final = re.compile(r"^COPY (\d+)\nTime: ([\d.]+) ms", re.MULTILINE)

COPY_IN: Final = r"\copy items (owner_id, title, description) FROM '{file}'"
COPY_OUT: Final = (
    r"\copy (SELECT id, owner_id, title, description, created_at, updated_at FROM items WHERE owner_id = '{owner}')"
    " TO '/dev/null'"
)


class Mover(NamedTuple):
    """Who moves what. The first caller has the rows; `connections` of them send batches."""

    stage: Stage
    server: Server
    table: Table
    files: Files
    connections: int

    @property
    def owner(self) -> str:
        return str(self.stage.callers[0].user_id)

    def import_(self) -> Moved:
        return self._client("import", str(self.files.lines))

    def copy_in(self) -> Moved:
        return self._psql(COPY_IN.format(file=self.files.copy))

    def export(self) -> Moved:
        return self._client("export")

    def copy_out(self) -> Moved:
        return self._psql(COPY_OUT.format(owner=self.owner))

    def batch(self, seconds: float) -> Moved:
        return self._client("batch", str(self.files.batch), str(seconds))

    def check(self, moved: Moved) -> None:
        """Raises OperatorError when not all rows were moved, or not all are in the table."""
        if moved.rows != self.files.rows:
            raise OperatorError(f"{moved.rows} rows were moved, where there are {self.files.rows}")
        self.table.check(self.files.rows)

    def check_export(self) -> None:
        """Raises OperatorError when the export does not say just what is in the table."""
        token = self.server.tokens()[0]
        headers = {"authorization": f"Bearer {token}"}
        answer = httpx.get(f"{self.server.url}/v1/items/export", headers=headers, timeout=60)
        if answer.status_code != 200:
            raise OperatorError(f"the export was answered {answer.status_code}: {answer.text}")
        told = sorted(map(msgspec.json.decode, answer.text.splitlines()), key=lambda item: str(item["id"]))
        if told != msgspec.json.decode(msgspec.json.encode(self.table.all_of(self.stage.callers[0].user_id))):
            raise OperatorError(f"the {len(told)} lines of the export are not the rows of the table")

    def _client(self, what: str, *more: str) -> Moved:
        port = self.server.url.rpartition(":")[2]
        command = [sys.executable, "-m", "tests.benchmarks.bulk.client", what, port, *more]
        tokens = "\n".join(self.server.tokens()[: self.connections])
        return msgspec.json.decode(_output(command, tokens), type=Moved)

    def _psql(self, command: str) -> Moved:
        """psql times it by itself, so that its start does not count."""
        words = [str(self.stage.psql), "--no-psqlrc", "--set=ON_ERROR_STOP=1", self.stage.superuser_url]
        said = _output([*words, r"--command=\timing on", f"--command={command}"])
        found = _SAID.search(said)
        if not found:
            raise OperatorError(f"psql said nothing of what it has copied: {said}")
        return Moved(int(found[1]), float(found[2]) / 1000)


def _output(command: Sequence[str], entered: str = "") -> str:
    """All clients stay on the same core. Raises OperatorError when one fails."""
    words = [*last_core(), *command]
    done = subprocess.run(words, check=False, input=entered, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise OperatorError((done.stderr.strip().splitlines() or [f"{command[0]} failed"])[-1])
    return done.stdout
