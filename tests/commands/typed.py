"""`backend` as the shell starts it, in this process."""

import sys
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from backend.cli import main
from tests.people import PASSWORD


class Said(NamedTuple):
    """The exit status, and what was printed."""

    status: int | str | None
    out: str
    error: str


def typed(*words: str, given: str | bytes = "") -> Said:
    """Runs `backend` with these words as its arguments; `given` is on its standard input, which is no terminal."""
    with pytest.MonkeyPatch.context() as patch, CliRunner().isolation(given) as (out, error, _):
        patch.setattr(sys, "argv", ["backend", *words])
        with pytest.raises(SystemExit) as end:
            main()
        sys.stdout.flush()
        return Said(end.value.code or 0, out.getvalue().decode(), error.getvalue().decode())


def done(*words: str, given: str = f"{PASSWORD}\n") -> str:
    """What a command says that succeeds: one line."""
    said = typed(*words, given=given)
    assert (said.status, said.error) == (0, "")
    (line,) = said.out.splitlines()
    return line


def refused(*words: str, given: str | bytes = f"{PASSWORD}\n", status: int = 1) -> str:
    """What a command says that fails: one line."""
    said = typed(*words, given=given)
    assert (said.status, said.out) == (status, "")
    (line,) = said.error.splitlines()
    name, _, reason = line.partition(": ")
    assert name == "backend"
    return reason
