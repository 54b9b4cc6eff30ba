"""The statements inside a body of PL/pgSQL, in the words in which PostgreSQL would be given them.

PL/pgSQL hands everything that is not its own control flow to SQL, with its variables as parameters. This finds the
same texts without running anything; a body that it cannot take apart is refused, never passed over.
"""

import re
from typing import Final

from msgspec import Struct

TOKEN: Final = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |   (?P<text>[eE]?'(?:[^'\\]|''|\\.)*'|(?P<dollar>\$\w*\$).*?(?P=dollar))
    |   (?P<name>"(?:[^"]|"")+"|[a-zA-Z_]\w*)
    |   (?P<number>\d+(?:\.\d+)?)
    |   (?P<sign>:=|::|=>|\.\.|\$\d+|.)
    """,
    re.DOTALL | re.VERBOSE,
)

# A unit that begins so is a statement of SQL already.
_SQL: Final = {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES"}
# One that begins so has no SQL in it, or none that reads a table unless it says SELECT.
_CONTROL: Final = {"BEGIN", "ELSE", "END", "EXCEPTION", "EXIT", "CONTINUE", "LOOP", "NULL", "RAISE", "GET", "CLOSE", ""}
_CONDITIONS: Final = {"IF", "ELSIF", "ELSEIF", "WHILE"}
_RETURNS_ROW: Final = {"", "NEW", "OLD", "NULL"}


class Unreadable(ValueError):
    """What cannot be planned, and why not."""


class Token(Struct, frozen=True):
    kind: str
    text: str

    @property
    def word(self) -> str:
        """What a keyword is compared as."""
        return self.text.upper() if self.kind == "name" else self.text


def tokens(text: str) -> list[Token]:
    """Without comments, each run of white space as one blank."""
    return [
        Token(found.lastgroup or "", " " if found.lastgroup == "space" else found[0])
        for found in TOKEN.finditer(text)
        if found.lastgroup != "dollar"
    ]


def split(found: list[Token], *ends: str) -> list[list[Token]]:
    """At semicolons, and at keywords outside of brackets and CASE, which end what comes before them."""
    units: list[list[Token]] = [[]]
    depth = 0
    for token in found:
        if depth == 0 and (token.text == ";" or token.word in ends):
            units.append([])
            continue
        depth += (token.word in ("(", "[", "CASE")) - (depth > 0 and token.word in (")", "]", "END"))
        units[-1].append(token)
    return [_stripped(unit) for unit in units]


def _stripped(unit: list[Token]) -> list[Token]:
    while unit and unit[0].kind == "space":
        unit = unit[1:]
    while unit and unit[-1].kind == "space":
        unit = unit[:-1]
    return unit


def declared(body: str) -> dict[str, str]:
    """The types of the variables that are declared in front of BEGIN."""
    found: dict[str, str] = {}
    for unit in split(_parts(body)[0]):
        words = [token.text for token in unit if token.kind != "space"]
        if words:
            name, *rest = words
            rest = rest[1:] if rest[0].upper() == "CONSTANT" else rest
            ends = [n for n, word in enumerate(rest) if word.upper() in (":=", "=", "DEFAULT", "NOT")]
            found[name.lower()] = " ".join(rest[: ends[0]] if ends else rest)
    return found


def statements(body: str) -> list[list[Token]]:
    """Every statement and every expression, the latter as SELECT. Raises Unreadable."""
    units = split(_parts(body)[1], "BEGIN", "THEN", "ELSE", "LOOP")
    return [statement for unit in units if (statement := _statement(unit))]


def _parts(body: str) -> tuple[list[Token], list[Token]]:
    """What is declared, and what is done."""
    found = _stripped(tokens(body))
    if found[0].word != "DECLARE":
        return [], found
    begins = next(n for n, token in enumerate(found) if token.word == "BEGIN")
    return found[1:begins], found[begins:]


def _statement(unit: list[Token]) -> list[Token]:
    first, rest = (unit[0].word, unit[1:]) if unit else ("", [])
    if first in _SQL:
        return _without_into(unit)
    if first in _CONTROL or first == "WHEN":
        if any(token.word == "SELECT" for token in rest):
            raise Unreadable(f"there is a SELECT in its {first}")
        return []
    if first == "PERFORM" or first in _CONDITIONS:
        return _select(rest)
    if first == "RETURN":
        return _returned(_stripped(rest))
    if first == "FOR":
        return _looped(rest)
    assigned = next((n for n, token in enumerate(unit) if token.text in (":=", "=")), None)
    if assigned is None or first in ("EXECUTE", "CASE", "FOREACH", "OPEN", "FETCH", "DECLARE", "ASSERT", "CALL"):
        raise Unreadable(f"what its {first} does is not known before it runs")
    return _select(unit[assigned + 1 :])


def _select(expression: list[Token]) -> list[Token]:
    return [Token("name", "SELECT"), Token("space", " "), *_stripped(expression)]


def _returned(rest: list[Token]) -> list[Token]:
    first = rest[0].word if rest else ""
    if first in _RETURNS_ROW and len(rest) <= 1:
        return []
    if first == "QUERY":
        return _statement(_stripped(rest[1:]))
    return _select(rest[1:] if first == "NEXT" else rest)


def _looped(rest: list[Token]) -> list[Token]:
    """FOR row IN query; FOR number IN from .. to."""
    query = _stripped(rest[next(n for n, token in enumerate(rest) if token.word == "IN") + 1 :])
    if query and query[0].word in _SQL:
        return query
    if any(token.word in ("EXECUTE", "SELECT") for token in query):
        raise Unreadable("what its FOR goes through is not known before it runs")
    return []


def _without_into(unit: list[Token]) -> list[Token]:
    """SELECT ... INTO variables: where the row goes is nothing that SQL is told."""
    depth = 0
    before = ""
    for at, token in enumerate(unit):
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.word == "INTO" and before not in ("INSERT", "MERGE"):
            return _stripped(unit[:at] + unit[_end_of_targets(unit, at + 1) :])
        before = before if token.kind == "space" else token.word
    return unit


def _end_of_targets(unit: list[Token], at: int) -> int:
    """The place after the names that are separated by commas."""
    wants_name = True
    while at < len(unit):
        token = unit[at]
        if token.kind != "space" and token.word != "STRICT":
            if wants_name != (token.kind == "name"):
                return at
            wants_name = token.kind != "name"
            if not wants_name and token.kind != "name":
                return at
        at += 1
    return at
