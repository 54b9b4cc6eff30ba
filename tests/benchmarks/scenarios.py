"""What is asked of every server, under the same paths, and what the answers have to say."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from tests.benchmarks.callers import ITEMS


class Scenario(NamedTuple):
    """`owner` is the field by which a row says whose it is; without one nobody in particular asks."""

    title: str
    method: str
    target: str
    owner: str | None = None


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "live": Scenario("live: no database, no token", "GET", "/health/live"),
    "me": Scenario("me: one row", "GET", "/v1/users/me", "id"),
    "items": Scenario(f"items: {ITEMS} rows", "GET", f"/v1/items?limit={ITEMS}", "owner_id"),
    "create": Scenario("create: one row written", "POST", "/v1/items", "owner_id"),
}
NEW_ITEM: Final = {"title": "A witness", "description": "Looks at whose rows come back."}


def fault_of(scenario: Scenario, caller: str, body: Any) -> str:
    """What is wrong with an answer to this caller; nothing when it holds his rows, and all that were asked for."""
    is_page = isinstance(body, dict) and "items" in body
    rows: Iterable[Any] = body["items"] if is_page else [body]
    owners = [row[scenario.owner] for row in rows]
    if owners == [caller] * (ITEMS if is_page else 1):
        return ""
    return f"{len(owners)} rows of {', '.join(sorted(set(owners)))} for {caller}"
