"""One line for each thing that is wrong, and where it is to be mended."""

from pathlib import Path
from typing import Final

from msgspec import Struct

ROOT: Final = Path(__file__).resolve().parents[2]


class Finding(Struct, frozen=True, order=True):
    """`file` is relative to the project; `code` is one of few words in kebab case; `sentence` names what it is about.

    `of` is the statement, table or function that it is about, by which it may be allowed.
    """

    file: str
    line: int
    code: str
    sentence: str
    of: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code}: {self.sentence}"


def shown(path: Path) -> str:
    """A path as findings name it."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
