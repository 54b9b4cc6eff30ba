"""What the clients of a day take for a wrong answer, told to them by a server that is made up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import pytest

from tests.load import chores
from tests.load.clients import Client, Failed
from tests.load.limits import FOREIGN, WRONG

MINE = {"id": "1", "owner_id": "ada", "title": "A thing to do"}
FIRST, SECOND = {"ETag": '"1"'}, {"ETag": '"2"'}
REPLAYED = {"Idempotent-Replayed": "true"}
BATCH = [{"id": str(number), "owner_id": "ada", "title": f"A thing of many, {number}"} for number in range(50)]


class Told(NamedTuple):
    """An answer, in the order in which they are wanted."""

    status: int
    headers: dict[str, str]
    body: Any = None


class Script:
    """Answers as `FastHttpUser.client` gives them; `asked` is what was asked, `faults` what was found wrong."""

    def __init__(self, *answers: Told) -> None:
        self._answers = iter(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []

    @contextmanager
    def request(self, method: str, path: str, *, headers: dict[str, str], **_: Any) -> Iterator[Any]:
        self.asked.append((f"{method} {path}", headers))
        yield _Answer(next(self._answers), self.faults)


class _Answer:
    def __init__(self, told: Told, faults: list[str]) -> None:
        self.status_code, self.headers = told.status, httpx.Headers(told.headers)
        self.content, self.text, self._body = told.body is not None, "", told.body
        self.failure: Callable[[str], None] = faults.append

    def json(self) -> Any:
        return self._body

    def success(self) -> None:
        pass


def do(chore: chores.Chore, *answers: Told, tag: str = '"1"') -> tuple[Script, Client]:
    """Ada, who has one item, does it; a wrong answer is among the faults of the script."""
    script = Script(*answers)
    ada = Client(script, "ada")
    ada.id, ada.items, ada.tags = "ada", {"1"}, {"1": tag}
    try:
        chore(ada)
    except Failed:
        assert script.faults
    else:
        assert not script.faults
    return script, ada


def test_an_item_is_read_again_only_if_it_has_changed() -> None:
    script, ada = do(chores.read_again, Told(304, FIRST))
    assert script.asked == [("GET /v1/items/1", {"If-None-Match": '"1"'})]
    assert ada.tags == {"1": '"1"'}
    _, ada = do(chores.read_again, Told(200, SECOND, MINE))
    assert ada.tags == {"1": '"2"'}


def test_an_item_whose_state_nobody_has_seen_is_looked_at_first() -> None:
    script, _ = do(chores.read_again, Told(200, FIRST, MINE), Told(304, FIRST), tag="")
    assert [asked for asked, _ in script.asked] == ["GET /v1/items/1"] * 2


def test_what_was_seen_is_edited_and_whoever_is_late_is_refused() -> None:
    script, ada = do(chores.edit_what_was_seen, Told(200, SECOND, MINE), Told(412, {}, {}))
    assert script.asked == [("PATCH /v1/items/1", {"If-Match": '"1"'})] * 2
    assert ada.tags == {"1": '"2"'}
    _, ada = do(chores.edit_what_was_seen, Told(412, {}, {}))
    assert ada.tags == {}


def test_what_is_asked_for_twice_is_there_once() -> None:
    script, ada = do(chores.write_once, Told(201, {}, MINE), Told(201, REPLAYED, MINE), Told(204, {}))
    (_, first), (_, second), (gone, _) = script.asked
    assert first["Idempotency-Key"] == second["Idempotency-Key"]
    assert (gone, ada.items) == ("DELETE /v1/items/1", set())


def test_a_batch_comes_and_goes() -> None:
    script, ada = do(chores.write_a_batch, Told(201, {}, {"created": 50, "items": BATCH}), *[Told(204, {})] * 50)
    assert len(script.asked) == 51
    assert not ada.items & {item["id"] for item in BATCH}


@pytest.mark.parametrize(
    ("chore", "answers", "fault"),
    [
        (chores.read_one, [Told(200, FIRST, MINE | {"owner_id": "bob"})], FOREIGN),
        (chores.read_again, [Told(200, FIRST, MINE)], "an item that has not changed"),
        (chores.read_again, [Told(304, SECOND)], "304 with another ETag"),
        (chores.read_again, [Told(200, SECOND, MINE | {"owner_id": "bob"})], FOREIGN),
        (chores.edit_what_was_seen, [Told(200, FIRST, MINE)], "a change without a new ETag"),
        (chores.edit_what_was_seen, [Told(200, SECOND, MINE), Told(200, {"ETag": '"3"'}, MINE)], "200 "),
        (chores.search, [Told(200, {}, {"items": []})], "not what was searched for"),
        (chores.search, [Told(200, {}, {"items": [MINE | {"title": "Done"}]})], "not what was searched for"),
        (chores.search, [Told(200, {}, {"items": [MINE, MINE | {"owner_id": "bob"}]})], FOREIGN),
        (
            chores.search_in_order,
            [Told(200, {}, {"items": [MINE | {"title": "B thing"}, MINE]})],
            "titles out of order",
        ),
        (chores.write_once, [Told(201, {}, MINE), Told(201, {}, MINE)], "a repeated write that does not say so"),
        (
            chores.write_once,
            [Told(201, {}, MINE), Told(201, REPLAYED, MINE | {"id": "2"})],
            "another item for the same key",
        ),
        (chores.write_a_batch, [Told(201, {}, {"created": 50, "items": BATCH[1:]})], "not the batch that was sent"),
        (chores.write_a_batch, [Told(201, {}, {"created": 49, "items": BATCH})], "not the batch that was sent"),
    ],
)
def test_a_wrong_answer_is_a_fault(chore: chores.Chore, answers: list[Told], fault: str) -> None:
    script, _ = do(chore, *answers)
    assert script.faults == [f"{WRONG}: {fault}"]
