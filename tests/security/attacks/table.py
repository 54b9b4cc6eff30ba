"""The one table: the status of every route for every actor. A line of a new resource follows from who may use it."""

from collections.abc import Iterator
from typing import Final

from tests.expected import shapes as expected
from tests.routes import Route
from tests.security.attacks.cases import Case, Target
from tests.security.attacks.foreign import foreign
from tests.security.attacks.stage import ENDED, NO_TOKEN, REFUSED
from tests.security.attacks.tokens import EXPIRED, OTHER_PURPOSE, REFRESH

# In this order, for a success may be the last that its route is good for: somebody's deletion.
PEOPLE: Final = ("other", "admin", "owner")
# Where no token is wanted it does not matter which one comes, and a few do.
ANYBODY: Final = (NO_TOKEN, EXPIRED, OTHER_PURPOSE, REFRESH, ENDED)


def status_of(target: Target, actor: str) -> int:
    """Of a request for what is the owner's, if the path names anything."""
    line = target.line
    if actor in line.answers:
        return line.answers[actor]
    success = target.route.handler.status_code
    if line.who == "anyone":
        return success
    if actor in REFUSED:
        return 401
    if line.who == "admin":
        return success if actor == "admin" else 403
    return success if actor == "owner" or "{" not in target.route.path else 404


def table_of(target: Target) -> list[Case]:
    actors = (*(ANYBODY if target.line.who == "anyone" else REFUSED), *PEOPLE)
    return [Case(target, "for what is the owner's", actor, status_of(target, actor)) for actor in actors]


def cases_of(route: Route, line: expected.Route) -> Iterator[Case]:
    """All attacks on a route: first what is refused, for it changes nothing, and last what the route is for."""
    for method in ("HEAD", "GET") if route.method == "GET" else (route.method,):
        target = Target(route, line, method)
        table = table_of(target)
        yield from (case for case in table if case.expected >= 400)
        yield from foreign(target)
        yield from (case for case in table if case.expected < 400)
