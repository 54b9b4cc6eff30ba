"""`python -m tests.security.attacks` shows the table, a row for each route and method, and counts the cases."""

import sys
from collections import Counter

from litestar import Router

from backend.app import api
from backend.controllers.documentation import documentation
from tests.expected import ROUTES
from tests.routes import routes_of
from tests.security.attacks.table import cases_of

# Shared reads on and off.
WAYS = 2


def main() -> None:
    routes = routes_of(Router("/", route_handlers=[*api(), documentation()]))
    total = 0
    for route in sorted(routes, key=lambda one: one.path):
        by_method: dict[str, Counter[int]] = {}
        for case in cases_of(route, ROUTES[route.name]):
            by_method.setdefault(case.target.method, Counter())[case.expected] += 1
        for method, statuses in by_method.items():
            total += statuses.total()
            line = "  ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
            sys.stdout.write(f"{method:7}{route.name.partition(' ')[2]:45}{line}\n")
    sys.stdout.write(f"{total} cases, each {WAYS} ways: with shared reads, and without: {WAYS * total}\n")


main()
