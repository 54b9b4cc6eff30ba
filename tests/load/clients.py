"""Clients of the API for locust: how each asks, and how it knows that an answer is right."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from itertools import count
from typing import Any, Final, NamedTuple

from tests.load.limits import FOREIGN, WRONG
from tests.people import PASSWORD

# Three pages of them.
_STOCK: Final = 25
_PAGE: Final = 10
# Every Retry-After is honoured, but not for ever.
_MOST_TRIES: Final = 30

type Check = Callable[[Any], str]
type Headers = Mapping[str, str]


class Answer(NamedTuple):
    """`headers` are found by their names in any case; `body` is what the JSON says, None without one."""

    status: int
    headers: Headers
    body: Any


numbers: Final = count()
# An item of each account, of which everybody knows, and which only its owner may see.
known: Final[dict[str, str]] = {}


class Failed(Exception):
    """A request failed, and is counted; whoever asked cannot go on with what he was doing."""


def _right(_: Any) -> str:
    return ""


class Client:
    """One account. `session` is `FastHttpUser.client`."""

    def __init__(self, session: Any, name: str) -> None:
        self._session = session
        self._credentials = {"email": f"{name}@example.com", "password": PASSWORD}
        self._tokens: dict[str, str] = {}
        self.id = ""
        self.items: set[str] = set()
        # The ETag of each item in the state that was seen last.
        self.tags: dict[str, str] = {}

    def move_in(self) -> None:
        """Signs up, unless that was done in an earlier run, logs in, and sees to it that there is something to read."""
        self.ask("POST", "/v1/users", 201, 409, json=self._credentials)
        self.log_in()
        self.id = self.ask("GET", "/v1/users/me")["id"]
        self.items = {item["id"] for item in self.walk()}
        while len(self.items) < _STOCK:
            self.add()
        known[self.id] = min(self.items)

    def log_in(self) -> None:
        self._tokens = self.ask("POST", "/v1/login", json=self._credentials)

    def log_out(self) -> None:
        self.ask("POST", "/v1/logout", 204)

    def refresh(self) -> None:
        self._tokens = self.ask("POST", "/v1/login/refresh", json={"refresh_token": self._tokens["refresh_token"]})

    def add(self) -> str:
        title = f"A thing to do at {time.time():.3f}"
        item = self.ask("POST", "/v1/items", 201, json={"title": title}, check=lambda item: self.fault_of([item]))
        self.items.add(item["id"])
        identifier: str = item["id"]
        return identifier

    def remove(self, item: str) -> None:
        self.ask("DELETE", "/v1/items/{id}", 204, path=f"/v1/items/{item}")
        self.items.discard(item)

    def walk(self) -> Iterator[dict[str, Any]]:
        """Every item, page by page."""
        cursor = ""
        while cursor is not None:
            path = f"/v1/items?limit={_PAGE}" + (f"&cursor={cursor}" if cursor else "")
            page = self.ask("GET", "/v1/items", path=path, check=lambda page: self.fault_of(page["items"]))
            yield from page["items"]
            cursor = page["next_cursor"]

    def fault_of(self, items: list[dict[str, Any]]) -> str:
        """What is wrong with rows that this client was shown; nothing when all are his own."""
        return FOREIGN if any(item["owner_id"] != self.id for item in items) else ""

    def ask(
        self,
        method: str,
        route: str,
        *expected: int,
        path: str = "",
        json: Any = None,
        check: Check = _right,
    ) -> Any:
        """The answer's body, once it was not refused for overload; `check` names a fault of it. Raises Failed."""
        return self.hear(method, route, *expected, path=path, json=json, check=lambda one: check(one.body)).body

    def hear(
        self,
        method: str,
        route: str,
        *expected: int,
        path: str = "",
        json: Any = None,
        headers: Headers = {},  # noqa: B006  # Nobody writes to it.
        check: Callable[[Answer], str] = _right,
    ) -> Answer:
        """The whole answer, once it was not refused for overload. Raises Failed.

        `route` is the name in the report, and the path unless another is given. `expected` are the statuses that are
        right, 200 unless some are given; `check` names a fault of the answer.
        """
        for _ in range(_MOST_TRIES):
            with self._asked(method, route, path, json, headers) as answer:
                if wait := _refusal(answer):
                    answer.request_meta["name"] = f"{route} (refused)"
                    answer.success()
                else:
                    return _judge(answer, expected or (200,), check)
            time.sleep(wait)
        raise Failed

    def _asked(self, method: str, route: str, path: str, json: Any, headers: Headers) -> Any:
        token = self._tokens.get("access_token")
        headers = {"Authorization": f"Bearer {token}", **headers} if token else headers
        return self._session.request(method, path or route, name=route, json=json, headers=headers, catch_response=True)


def _refusal(answer: Any) -> float:
    """Seconds after which to come back; 0 when it was not refused, or nobody said when."""
    refused = answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    return float(answer.headers.get("Retry-After") or 0) if refused else 0.0


def _judge(answer: Any, expected: tuple[int, ...], check: Callable[[Answer], str]) -> Answer:
    if answer.status_code not in expected:
        # The text itself would be a fault of its own each time, for it holds the id of the request.
        said = f"{answer.status_code} {_code(answer)}"
        # Where another status was expected, a success is as wrong as a wrong body.
        said = f"{WRONG}: {said}" if answer.status_code < 400 else said
        answer.failure(said if answer.status_code else answer.error)
        raise Failed
    heard = Answer(answer.status_code, answer.headers, answer.json() if answer.content else None)
    if fault := check(heard):
        answer.failure(f"{WRONG}: {fault}")
        raise Failed
    answer.success()
    return heard


def _code(answer: Any) -> str:
    """The code of a problem, or nothing."""
    found = re.search(r'"code":"(\w+)"', answer.text or "")
    return found[1] if found else ""
