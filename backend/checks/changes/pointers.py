"""In which line of a JSON text a value stands, by its JSON pointer (RFC 6901)."""

import json
import re
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


def escaped(key: object) -> str:
    """A key as a part of a pointer."""
    return str(key).replace("~", "~0").replace("/", "~1")


def lines_of(text: str) -> dict[str, int]:
    """The line in which each value begins, or its key where it has one; that of the whole is under "".

    The text must be JSON; of a key that is given twice the last one counts, as it does for whoever reads it.
    """
    found = {"": 1}
    # Where we are: the pointer of each container that is open, and the number of the next item, or None in an object.
    open_: list[tuple[str, int | None]] = []
    pointer, key = "", None
    line, end = 1, 0
    for token in _TOKEN.finditer(text):
        line += text.count("\n", end, token.start())
        end = token.start()
        match token[0]:
            case "}" | "]":
                pointer, _ = open_.pop()
            case ",":
                pointer, key = open_[-1][0], None
            case ":":
                pass
            case first:
                inside, number = open_[-1] if open_ else ("", None)
                if open_ and number is None and key is None:
                    key = json.loads(first)
                    pointer = f"{inside}/{escaped(key)}"
                    found[pointer] = line
                    continue
                if number is not None:
                    pointer = f"{inside}/{number}"
                    open_[-1] = (inside, number + 1)
                    found[pointer] = line
                if first in "{[":
                    open_.append((pointer, 0 if first == "[" else None))
                    key = None
    return found


def line_at(pointer: str, lines: dict[str, int]) -> int:
    """The line of a value, or where there is none of the nearest one that it would be in."""
    while pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return lines[pointer]
