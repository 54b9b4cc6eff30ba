"""The second connection: what a request has done to the rows of everybody, and whether an answer shows any of them."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import httpx

from tests.database import Connection, rows

# A value this long is no coincidence.
_TELLING: Final = 8

TABLES: Final = """
SELECT oid::regclass::text FROM pg_class
WHERE  relkind IN ('r', 'p') AND relnamespace IN ('public'::regnamespace, 'gate'::regnamespace)
ORDER BY 1
"""


class Row(NamedTuple):
    """A row of a table, as JSON."""

    table: str
    text: str


class Change(NamedTuple):
    """The rows that are there no more, and those that are new. One that was edited is in both."""

    gone: frozenset[Row]
    new: frozenset[Row]


class Watch:
    """Every row of every table of ours, read past row security."""

    def __init__(self, superuser: Connection, tables: list[str]) -> None:
        self._superuser = superuser
        self._everything = " UNION ALL ".join(
            f"SELECT '{table}', to_jsonb(t)::text FROM {table} AS t" for table in tables
        )

    @classmethod
    async def of(cls, superuser: Connection) -> "Watch":
        return cls(superuser, [table for (table,) in await rows(superuser, TABLES)])

    async def look(self) -> Counter[Row]:
        return Counter(Row(*row) for row in await rows(self._superuser, self._everything))


def change(before: Counter[Row], after: Counter[Row]) -> Change:
    return Change(frozenset(before - after), frozenset(after - before))


def secrets_of(person_id: str, seen: Iterable[Row]) -> frozenset[str]:
    """What tells that a row of this person is shown: every longer text that is in his rows and in nobody else's."""
    seen = list(seen)
    own = {one for row in seen if person_id in row.text for one in _texts(json.loads(row.text))}
    others = {one for row in seen if person_id not in row.text for one in _texts(json.loads(row.text))}
    return frozenset(own - others)


def _texts(value: Any) -> Iterable[str]:
    """Every telling text within a value. A time as the API writes it, without its zone."""
    match value:
        case str():
            text = value.removesuffix("+00:00")
            yield from [text] if len(text) >= _TELLING else []
        case dict() | list():
            for one in value.values() if isinstance(value, dict) else value:
                yield from _texts(one)


def shown(answer: httpx.Response, secrets: Iterable[str]) -> set[str]:
    """Those of the secrets that the answer has in its body or headers, and that did not come with the request."""
    request = answer.request
    sent = f"{request.url}\n{_headers(request.headers)}\n{request.content.decode(errors='replace')}"
    told = f"{_headers(answer.headers)}\n{answer.text}"
    return {one for one in secrets if one in told and one not in sent}


def _headers(headers: httpx.Headers) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.multi_items())
