"""Lines of at most 120 characters, broken where `ruff format` breaks them, and SQL as the house writes it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

WIDTH: Final = 120


class Brackets(NamedTuple):
    """What is within brackets, and itself a part of something that is."""

    head: str
    parts: Sequence[str]
    tail: str

    @property
    def flat(self) -> str:
        return f"{self.head}{', '.join(self.parts)}{self.tail}"


type Part = str | Brackets


def bracketed(head: str, parts: Sequence[Part], tail: str, indent: int = 0) -> str:
    """`head`, which ends with a bracket, the parts, and `tail`, which begins with the other one.

    On one line; or, for arguments, all of them on one of their own; or each part on one, which then ends with a comma.
    """
    at, inner = " " * indent, " " * (indent + 4)
    flat = ", ".join(part if isinstance(part, str) else part.flat for part in parts)
    if len(f"{at}{head}{flat}{tail}") <= WIDTH:
        return f"{at}{head}{flat}{tail}"
    if head.endswith("(") and len(f"{inner}{flat}") <= WIDTH:
        return f"{at}{head}\n{inner}{flat}\n{at}{tail}"
    return "\n".join((f"{at}{head}", *(_line(part, indent + 4) for part in parts), f"{at}{tail}"))


def _line(part: Part, indent: int) -> str:
    if isinstance(part, str):
        return f"{' ' * indent}{part},"
    return bracketed(part.head, part.parts, f"{part.tail},", indent)


def imported(module: str, names: Sequence[str]) -> str:
    """An import as ruff sorts and breaks it: constants, then classes, then functions."""
    flat = ", ".join(sorted(names, key=_order))
    line = f"from {module} import {flat}"
    if len(line) <= WIDTH:
        return line
    return "\n".join((f"from {module} import (", *(f"    {name}," for name in sorted(names, key=_order)), ")"))


def _order(name: str) -> tuple[int, str]:
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2), name.lower()


def filled(head: str, parts: Sequence[str], tail: str = "", indent: int = 0) -> str:
    """A list of SQL, with as much on a line as there is room for; what follows stands below the first part."""
    lines, at = [f"{' ' * indent}{head}"], " " * (indent + len(head))
    for number, part in enumerate(parts):
        end = tail if number == len(parts) - 1 else ","
        space = "" if lines[-1].endswith(("(", " ")) and number == 0 else " "
        if number and len(f"{lines[-1]}{space}{part}{end}") > WIDTH:
            lines.append(f"{at}{part}{end}")
        else:
            lines[-1] += f"{space}{part}{end}"
    return "\n".join(lines)


def sentence(text: str, indent: int) -> str:
    """A docstring, folded where it is longer than a line."""
    at = " " * indent
    if len(f'{at}"""{text}"""') <= WIDTH:
        return f'{at}"""{text}"""'
    lines, line = [], f'{at}"""'
    for word in text.split():
        if len(f"{line} {word}") > WIDTH:
            lines.append(line)
            line = f"{at}{word}"
        else:
            line += word if line.endswith('"""') else f" {word}"
    return "\n".join((*lines, line, f'{at}"""'))


def listed(names: Sequence[str]) -> str:
    """`a`, `b` and `c`."""
    *first, end = [f"`{name}`" for name in names] or [""]
    return f"{', '.join(first)} and {end}" if first else end
