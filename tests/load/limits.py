"""What a day under load has to keep to, and what is said when it does not. Later issues add the routes of theirs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

# Of all requests. A 503 with Retry-After that was honoured is no failure; a wrong answer always is one too many:
# somebody else's row, a success where there should be a refusal, a body that says something else.
MOST_FAILURES: Final = 0.001
WRONG: Final = "a wrong answer"
FOREIGN: Final = "a row of somebody else"


class Within(NamedTuple):
    """Milliseconds that 95 and 99 of a hundred answers take at the most."""

    p95: float
    p99: float


# By method and route, in brackets what else is asked of it, for fifty users on two cores. What hashes a password waits
# for a thread to do it.
LIMITS: Final[Mapping[str, Within]] = {
    "POST /v1/users": Within(2500, 5000),
    "POST /v1/login": Within(2500, 5000),
    "POST /v1/logout": Within(150, 400),
    "POST /v1/login/refresh": Within(150, 400),
    "GET /v1/users/me": Within(100, 250),
    "GET /v1/items": Within(100, 250),
    "GET /v1/items/{id}": Within(100, 250),
    "POST /v1/items": Within(150, 400),
    "PATCH /v1/items/{id}": Within(150, 400),
    "DELETE /v1/items/{id}": Within(150, 400),
    "GET /v1/items (q)": Within(150, 400),
    "GET /v1/items (q, order)": Within(150, 400),
    "GET /v1/items/{id} (If-None-Match)": Within(100, 250),
    "PATCH /v1/items/{id} (If-Match)": Within(150, 400),
    "POST /v1/items (Idempotency-Key)": Within(150, 400),
    "POST /v1/items/batch": Within(300, 800),
}


class Seen(NamedTuple):
    """What was seen of one route; times in milliseconds."""

    requests: int
    failures: int
    p95: float
    p99: float


def broken(
    seen: Mapping[str, Seen], faults: Mapping[str, int], surprises: Iterable[str], factor: float | None
) -> Iterator[str]:
    """A line for each limit that was not kept.

    `faults`: how often each was found in an answer; `surprises`: what else was raised. `factor` times the times of
    LIMITS are allowed, without one any.
    """
    requests, failures = (sum(getattr(one, field) for one in seen.values()) for field in ("requests", "failures"))
    if not requests:
        yield "nothing was asked"
    if failures > MOST_FAILURES * requests:
        yield f"{failures} of {requests} requests failed"
    if failures > MOST_FAILURES * requests or any(WRONG in fault for fault in faults):
        yield from (f"{times} x {fault}" for fault, times in faults.items())
    yield from surprises
    for route, one in seen.items():
        if route in LIMITS and factor is not None:
            yield from _late(route, one, factor)


def _late(route: str, seen: Seen, factor: float) -> Iterator[str]:
    for name, limit in LIMITS[route]._asdict().items():
        if (value := getattr(seen, name)) > limit * factor:
            yield f"{route}: {name} is {value:.0f} ms, and may be {limit * factor:.0f}"
