"""Carries an attack out, and says what came of it that should not have."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

import httpx

from tests.security.attacks.cases import Case
from tests.security.attacks.stage import REFUSED, Cast
from tests.security.attacks.watch import Change, Row, change, shown

CODES: Final = {403: "not_admin", 404: "not_found", 422: "validation_failed"}

# Tables whose rows need not name whoever asked when something succeeds, and why that is right.
COUNTED: Final = {"throttles": "attempts are counted by address, and by account under a digest of its name"}


async def attack_with(cast: Cast, cases: Iterable[Case]) -> None:
    """Each in its turn. Raises what `attack` raises."""
    for case in cases:
        await attack(cast, case)


async def attack(cast: Cast, case: Case) -> None:
    """Raises AssertionError: another status, a row that is changed, or anything that is shown to the wrong one."""
    request = await case.request(cast)
    before = await cast.watch.look()
    answer = await cast.client.request(request.pop("method"), request.pop("path"), **request)
    after = await cast.watch.look()
    assert answer.status_code == case.expected, f"{case.where}: {answer.status_code} {answer.text}"
    if answer.is_error:
        assert_refused(case, answer)
    assert_kept(cast, case, change(before, after))
    assert_hidden(cast, case, answer, before | after)


def assert_refused(case: Case, answer: httpx.Response) -> None:
    """By the right code, and not to be kept by any cache."""
    assert answer.headers["cache-control"] == "no-store", case.where
    if case.expected == 401:
        challenge = "Bearer" if case.asks == REFUSED[0] else 'Bearer error="invalid_token"'
        assert answer.headers["www-authenticate"] == challenge, case.where
    if case.target.method == "HEAD":
        assert not answer.content, case.where
        return
    problem = answer.json()
    assert problem["code"] == CODES.get(case.expected, problem["code"]), case.where
    if case.field:
        named = {error.get("parameter") or error["pointer"].rpartition("/")[2] for error in problem["errors"]}
        assert named == {case.field}, f"{case.where}: {named}"


def assert_kept(cast: Cast, case: Case, done: Change) -> None:
    """What is refused changes no row. What succeeds changes only rows about whoever asked, or whom he administers."""
    if case.expected >= 400:
        assert not done.gone | done.new, f"{case.where} changed {done}"
        return
    asks = case.asks if case.asks in cast.people else "other"
    may = {asks, "owner"} if case.may_see else {asks}
    for row in done.gone | done.new:
        named = {name for name, person in cast.people.items() if person.id in row.text}
        strange = named - may if row in done.new else not named & may
        assert not strange or row.table in COUNTED, f"{case.where} changed {row}"


def assert_hidden(cast: Cast, case: Case, answer: httpx.Response, seen: Counter[Row]) -> None:
    """What is the owner's is shown to him, and to an administrator who may."""
    if not case.may_see:
        found = shown(answer, cast.secrets(seen))
        assert not found, f"{case.where} shows {found}"
        assert "idempotent-replayed" not in answer.headers, case.where
