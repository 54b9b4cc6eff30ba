"""What a migration would do to a database that is in use: squawk's rules, and files that are not applied yet."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from backend.checks.allowances import Skipped
from backend.checks.findings import Finding, shown
from backend.database import migrate
from backend.database.refusals import OLDEST_POSTGRESQL
from backend.database.roles import Roles
from backend.operators import OperatorError
from backend.settings import Settings

# Rules of squawk's that are none of ours. What an applied file breaks cannot be mended any more: queries/allowed.toml.
EXCLUDED: Final = {
    "require-statement-timeout": "how long an index or a data migration takes is known to its author alone; what would "
    "take long under a lock is found by the other rules, and waiting for one ends by lock_timeout",
    "prefer-robust-stmts": "a file is one transaction: after a failure it is run again as a whole",
    "prefer-bigint-over-int": "keys are UUIDs, so an integer is a measure, and the contract bounds it",
    "prefer-bigint-over-smallint": "as above",
}

# What to do instead is more than squawk can know: each file runs in one transaction.
_CONCURRENTLY: Final = (
    "Here: as the owner, in psql, CREATE INDEX CONCURRENTLY before the deploy; say CREATE INDEX IF NOT EXISTS in the "
    "migration, which then does nothing, and allow it in queries/allowed.toml."
)
_ADVICE: Final = {
    "require-concurrent-index-creation": _CONCURRENTLY,
    "ban-concurrent-index-creation-in-transaction": _CONCURRENTLY,
    "require-concurrent-index-deletion": "Here: as the owner, in psql, DROP INDEX CONCURRENTLY before the deploy; say "
    "DROP INDEX IF EXISTS in the migration, and allow it in queries/allowed.toml.",
    "constraint-missing-not-valid": "Here: NOT VALID in one migration, and VALIDATE CONSTRAINT in the next.",
}
_SECONDS: Final = 60.0


class _Violation(Struct, frozen=True):
    """One of squawk's; its lines count from 0."""

    file: str
    line: int
    message: str
    rule_name: str
    help: str | None = None


def pending(settings: Settings, folder: Path = migrate.FOLDER) -> Iterator[Finding]:
    """One finding if the database lacks any file. Raises OperatorError where one was edited after it was applied."""
    if names := migrate.plan(settings, folder):
        sentence = f"{', '.join(names)}: run backend migrate"
        yield Finding(shown(folder / names[0]), 1, "pending", sentence, names[0])


def check(skipped: Skipped, folder: Path = migrate.FOLDER) -> Iterator[Finding]:
    """Squawk's violations, where it is installed."""
    if (squawk := _squawk()) is None:
        skipped["squawk"] = "squawk is not installed, so migrations are not checked by its rules (uv sync installs it)"
        return
    for one in _violations(squawk, folder):
        told = " ".join(filter(None, (one.message, one.help, _ADVICE.get(one.rule_name))))
        code, sentence = f"squawk/{one.rule_name}", " ".join(told.split())
        yield Finding(shown(folder / one.file), one.line + 1, code, sentence, one.file)


def _squawk() -> str | None:
    """The program of the environment that runs us, or of the PATH."""
    beside = Path(sys.executable).with_name("squawk")
    return str(beside) if beside.is_file() else shutil.which("squawk")


def _violations(squawk: str, folder: Path) -> list[_Violation]:
    with tempfile.TemporaryDirectory(prefix="lodestar-squawk-") as copies:
        files = [file.name for file in migrate.files(folder)]
        for file in migrate.files(folder):
            (Path(copies) / file.name).write_text(_as_run(file.text))
        command = [squawk, "--reporter", "json", "--assume-in-transaction", f"--pg-version={OLDEST_POSTGRESQL}"]
        command += [f"--exclude={rule}" for rule in EXCLUDED]
        done = subprocess.run(  # noqa: S603  # The program found above, on copies of our own files.
            [*command, *files], cwd=copies, capture_output=True, timeout=_SECONDS, check=False
        )
    try:
        return msgspec.json.decode(done.stdout, type=list[_Violation])
    except msgspec.DecodeError:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise OperatorError(f"squawk failed with status {done.returncode}: {said}") from None


def _as_run(text: str) -> str:
    """A file as `migrate` runs it, with as many lines: what goes in front of it, and names instead of variables.

    squawk's own comments would hide what it finds without a reason that anybody reads: they are none here.
    """
    names = {name: f'"{name}"' for name in Roles.__struct_fields__}
    return f"{migrate.BEFORE_EACH} {migrate.named(text, names)}".replace("squawk-ignore", "squawk, ignore")
