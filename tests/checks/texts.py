"""The lists of columns in a statement's text: what it selects, returns and inserts into."""

import re
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(r"--[^\n]*|'(?:[^']|'')*'|%\(\w+\)s|\w+|[(),]", re.DOTALL)
_ENDS: Final = {"FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "UNION", "ON", "FOR"}


class Columns(NamedTuple):
    """`items` are the places of each in the text; `nested` says that it stands within brackets."""

    after: str
    items: list[tuple[int, int]]
    nested: bool


def lists_of(text: str) -> list[Columns]:
    """Every list of columns, without those that are empty."""
    tokens = [(one[0], one.start(), one.end()) for one in _TOKEN.finditer(text)]
    found, depth, target = [], 0, False
    for number, (token, _, _) in enumerate(tokens):
        depth += (token == "(") - (token == ")")
        target = target or token.upper() == "INTO"
        if token.upper() in ("SELECT", "RETURNING"):
            found.append(Columns(token.upper(), _items(text, tokens[number:]), depth > 0))
        elif token == "(" and target:
            found.append(Columns("INTO", _items(text, tokens[number:]), depth > 1))
            target = False
    return [one for one in found if one.items]


def _items(text: str, tokens: list[tuple[str, int, int]]) -> list[tuple[int, int]]:
    """Up to where the list ends, which begins with the first token."""
    begins, depth, items, ends = tokens[0][2], 0, [], len(text)
    for token, start, end in tokens[1:]:
        if depth == 0 and (token == ")" or token.upper() in _ENDS):
            ends = start
            break
        depth += (token == "(") - (token == ")")
        if depth == 0 and token == ",":
            items.append((begins, start))
            begins = end
    items.append((begins, ends))
    return [(start + len(gap), end) for start, end in items if (gap := _gap(text[start:end])) is not None]


def _gap(text: str) -> str | None:
    """The space before what there is; None if there is nothing."""
    return text[: len(text) - len(text.lstrip())] if text.strip() else None


def swapped(text: str, one: tuple[int, int], other: tuple[int, int]) -> str:
    """The text with two of its parts, the first before the second, in each other's place."""
    (a, b), (c, d) = one, other
    first, second = text[a:b].rstrip(), text[c:d].rstrip()
    return text[:a] + second + text[a + len(first) : c] + first + text[c + len(second) :]


def dropped(text: str, columns: Columns, number: int) -> str:
    """The text without one of the list, and without the comma that this leaves over."""
    start, end = columns.items[number]
    if number + 1 < len(columns.items):
        return text[:start] + text[columns.items[number + 1][0] :]
    if number:
        start = columns.items[number - 1][1]
    rest = text[end:] if text[:end].rstrip() == text[:end] else text[len(text[:end].rstrip()) :]
    return text[:start] + rest
