"""Who is let in, who waits, and who is refused when waiting would help nobody."""

import asyncio
from typing import Final

import pytest

from backend.admission import HELD, Admission, SteppingOut, _Trend
from tests.database import until

PATIENCE: Final = 10.0


async def entering(admission: Admission, number: int) -> list[asyncio.Task[bool]]:
    """So many callers, in their order, as far as they come."""
    tasks = [asyncio.create_task(admission.enter()) for _ in range(number)]
    await asyncio.sleep(0)
    return tasks


def answers(tasks: list[asyncio.Task[bool]]) -> list[bool | None]:
    return [task.result() if task.done() else None for task in tasks]


async def turned(tasks: list[asyncio.Task[bool]]) -> list[bool | None]:
    """What became of them once all that is ready has run."""
    for _ in range(3):
        await asyncio.sleep(0)
    return answers(tasks)


async def test_as_many_as_there_are_slots_are_let_in_and_the_others_wait() -> None:
    tasks = await entering(Admission(2, 9, PATIENCE), 3)
    assert await turned(tasks) == [True, True, None]
    tasks[2].cancel()


async def test_a_slot_goes_to_whoever_has_waited_longest() -> None:
    admission = Admission(2, 9, PATIENCE)
    _, _, first, second = await entering(admission, 4)
    admission.leave()
    assert await turned([first, second]) == [True, None]
    admission.leave()
    assert await turned([second]) == [True]


async def test_who_finds_no_place_to_wait_is_refused_at_once() -> None:
    tasks = await entering(Admission(1, 1, PATIENCE), 3)
    assert await turned(tasks) == [True, None, False]
    tasks[1].cancel()


async def test_nobody_waits_longer_than_patience() -> None:
    admission = Admission(1, 9, 0.01)
    assert await admission.enter()
    assert not await admission.enter()
    admission.leave()
    assert await admission.enter()


async def test_patience_is_watched_again_after_the_room_was_empty() -> None:
    admission = Admission(1, 9, 0.01)
    assert await admission.enter()
    async with asyncio.timeout(10):
        for _ in range(3):
            assert not await admission.enter()
            await until(lambda: admission._watch is None)


async def test_who_is_cancelled_while_waiting_takes_no_slot() -> None:
    admission = Admission(1, 9, PATIENCE)
    first, second, third = await entering(admission, 3)
    third.cancel()  # Whose turn it would be, for the room grows.
    await asyncio.sleep(0)
    admission.leave()
    assert await turned([first, second]) == [True, True]


async def test_who_is_cancelled_while_being_let_in_gives_the_slot_back() -> None:
    admission = Admission(1, 9, PATIENCE)
    _, second, third = await entering(admission, 3)
    admission.leave()
    third.cancel()  # Whose turn it is, for the room grows.
    assert await turned([second]) == [True]
    with pytest.raises(asyncio.CancelledError):
        await third


async def test_who_comes_back_needs_no_slot_to_be_free() -> None:
    admission = Admission(2, 9, PATIENCE)
    _, _, first, second = await entering(admission, 4)
    admission.leave()
    admission.come_back()
    assert await turned([first, second]) == [True, None], "the slot that was left has been handed on"
    admission.leave()
    assert await turned([second]) == [None], "two are in, and there are two slots"
    admission.leave()
    assert await turned([second]) == [True]


async def test_a_thousand_callers_who_wait_for_their_answers_are_all_served() -> None:
    """The crowd comes all at once, which is no surge: it does not go on growing."""
    admission = Admission(8, 2048, PATIENCE)
    served = 0

    async def caller() -> None:
        nonlocal served
        for _ in range(10):
            assert await admission.enter()
            await asyncio.sleep(0)
            served += 1
            admission.leave()

    await asyncio.gather(*(caller() for _ in range(1000)))
    assert served == 10_000


def looks_at(admission: Admission, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows with each look that it takes at its room."""
    looks, look = list[None](), admission._look

    def counted() -> None:
        look()
        looks.append(None)

    monkeypatch.setattr(admission, "_look", counted)
    return looks


async def flood(admission: Admission) -> list[asyncio.Task[bool]]:
    """Callers who come faster than anybody leaves, until that is noticed."""
    tasks: list[asyncio.Task[bool]] = []
    async with asyncio.timeout(20):
        while not admission._surges():
            tasks += await entering(admission, 8)
            await asyncio.sleep(0.005)
    return tasks


async def test_a_surge_is_noticed_after_four_windows_and_then_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    admission = Admission(4, 20, PATIENCE)
    looks = looks_at(admission, monkeypatch)
    tasks = await flood(admission)
    assert len(looks) in (4, 5)
    assert not await admission.enter()
    for task in tasks:
        task.cancel()


async def test_those_who_wait_in_a_surge_are_refused_little_by_little() -> None:
    admission = Admission(4, 20, PATIENCE)
    tasks = await flood(admission)
    assert answers(tasks).count(None) == 20
    await until(lambda: None not in answers(tasks))
    assert answers(tasks).count(True) == 4


async def test_in_a_surge_half_of_the_slots_are_still_given(monkeypatch: pytest.MonkeyPatch) -> None:
    admission = Admission(4, 20, PATIENCE)
    tasks = await flood(admission)
    for _ in range(4):
        admission.leave()
    assert [admission.turns_away(), admission.enters(), await admission.enter()] == [False, True, True]
    assert [admission.turns_away(), admission.enters(), await admission.enter()] == [True, False, False]
    monkeypatch.setattr(admission, "_surges", lambda: False)
    assert [admission.turns_away(), admission.enters(), await admission.enter()] == [False, True, True]
    for task in tasks:
        task.cancel()


async def test_the_only_slot_is_given_in_a_surge_too() -> None:
    admission = Admission(1, 20, PATIENCE)
    tasks = await flood(admission)
    admission.leave()
    assert await admission.enter()
    for task in tasks:
        task.cancel()


async def test_while_the_room_grows_the_newest_is_served_first() -> None:
    admission = Admission(1, 100, PATIENCE)
    first, *others = await entering(admission, 6)
    admission.leave()
    assert await turned([first, *others]) == [True, None, None, None, None, True]
    for task in others:
        task.cancel()


@pytest.mark.parametrize(
    ("looks", "waiting", "surges"),
    [
        (1, [5, 10, 15, 20, 25], "---ss"),
        (1, [5, 10, 15, 19, 24, 29, 34, 39], "-------s"),
        (2, [0, 5, 99, 10, 0, 15, 99, 20, 24, 25], "-------s-s"),
    ],
    ids=["four windows in a row, and each that follows", "one that does not grow", "windows of two looks"],
)
def test_a_surge_is_four_windows_in_a_row_each_of_which_grows_enough(
    looks: int, waiting: list[int], surges: str
) -> None:
    trend = _Trend(looks, 4)
    assert "".join("s" if trend.surges(number) else "-" for number in waiting) == surges


@pytest.fixture
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms are looked at by `look` alone."""
    monkeypatch.setattr("backend.admission._LOOK_SECONDS", 3600.0)


def look(admission: Admission) -> None:
    assert admission._watch
    admission._watch.cancel()
    admission._look()


@pytest.mark.usefixtures("_no_clock")
@pytest.mark.parametrize(
    ("at_a_look", "looks"),
    [(1, 500), (5, 100), (300, 3)],
    ids=["slowly", "four and more windows", "within three windows"],
)
async def test_a_crowd_that_half_of_the_room_is_enough_for_or_that_comes_at_once_is_no_surge(
    at_a_look: int, looks: int
) -> None:
    admission = Admission(4, 1000, PATIENCE)
    tasks = await entering(admission, 4)
    for number in range(looks + 20):
        tasks += await entering(admission, at_a_look if number < looks else 0)
        look(admission)
        assert not admission.turns_away()
    for task in tasks:
        task.cancel()


@pytest.mark.usefixtures("_no_clock")
async def test_a_room_that_a_stall_has_filled_at_once_is_a_surge_while_others_find_no_place() -> None:
    admission = Admission(4, 20, PATIENCE)
    tasks = await entering(admission, 24)
    look(admission)
    for _ in range(3):
        assert not admission._surges()
        assert answers(await entering(admission, 5)) == [False] * 5
        look(admission)
    assert admission._surges()
    for task in tasks:
        task.cancel()


@pytest.mark.usefixtures("_no_clock")
async def test_a_room_that_is_full_of_patient_callers_is_no_surge() -> None:
    admission = Admission(4, 20, PATIENCE)
    tasks = await entering(admission, 24)
    for _ in range(40):
        admission.leave()
        tasks += await entering(admission, 1)
        look(admission)
        assert not admission._surges()
    assert False not in answers(tasks)
    for task in tasks:
        task.cancel()


@pytest.mark.usefixtures("_no_clock")
async def test_who_was_cancelled_is_in_the_way_of_nobody_whose_patience_ends() -> None:
    admission = Admission(1, 9, 0.0)
    _, second, third = await entering(admission, 3)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    look(admission)
    assert await turned([third]) == [False]


@pytest.mark.usefixtures("_no_clock")
async def test_a_room_ebbs_by_an_eighth_at_a_look() -> None:
    admission = Admission(4, 1000, PATIENCE)
    tasks = await entering(admission, 804)
    admission._surge_until = asyncio.get_running_loop().time() + 3600
    look(admission)
    assert (await turned(tasks)).count(False) == 100
    assert answers(tasks)[4:104] == [False] * 100, "those who came first"
    for task in tasks:
        task.cancel()


@pytest.mark.usefixtures("_no_clock")
async def test_who_found_no_place_is_forgotten_with_the_room() -> None:
    admission = Admission(4, 20, PATIENCE)
    tasks = await entering(admission, 40)
    for _ in range(24):
        admission.leave()
    look(admission)
    assert admission._wanted() == 0
    assert (await turned(tasks)).count(True) == 24


@pytest.mark.usefixtures("_no_clock")
async def test_a_room_that_was_empty_meanwhile_begins_anew() -> None:
    admission = Admission(4, 20, PATIENCE)
    tasks = await entering(admission, 4)
    for grown in (3, 4):
        for _ in range(grown):
            assert not admission._surges()
            tasks += await entering(admission, 25)
            look(admission)
        for _ in range(20):
            admission.leave()
        look(admission)
    assert admission._surges(), "that was four windows"
    for task in tasks:
        task.cancel()


@pytest.mark.usefixtures("_no_clock")
async def test_after_a_surge_a_crowd_that_comes_back_is_served_and_another_surge_is_noticed_anew() -> None:
    admission = Admission(4, 20, PATIENCE)
    tasks = await entering(admission, 4)
    for _ in range(4):
        assert not admission._surges()
        tasks += await entering(admission, 25)
        look(admission)
    for _ in range(5):
        assert admission._surges()
        look(admission)
    assert None not in await turned(tasks), "the room has ebbed"
    admission._surge_until = 0.0
    tasks += await entering(admission, 20)
    for _ in range(20):
        look(admission)
        assert not admission._surges()
    for _ in range(4):
        assert not admission._surges()
        tasks += await entering(admission, 5)
        look(admission)
    assert admission._surges()
    for task in tasks:
        task.cancel()


@pytest.mark.usefixtures("_no_clock")
async def test_a_little_more_than_can_be_served_is_a_surge_too() -> None:
    admission = Admission(4, 20, PATIENCE)
    tasks = await entering(admission, 24)
    for _ in range(20):
        assert not admission._surges()
        tasks += await entering(admission, 1)
        look(admission)
    assert admission._surges()
    for task in tasks:
        task.cancel()


@pytest.mark.usefixtures("_no_clock")
async def test_while_the_room_grows_slowly_the_newest_is_served_first() -> None:
    admission = Admission(4, 100_000, PATIENCE)
    tasks = await entering(admission, 4)
    for _ in range(5):
        tasks += await entering(admission, 1)
        look(admission)
    admission.leave()
    assert await turned(tasks) == [True] * 4 + [None] * 4 + [True]
    for task in tasks:
        task.cancel()


async def test_who_steps_out_leaves_the_slot_to_another() -> None:
    admission = Admission(2, 9, PATIENCE)
    _, _, waiting = await entering(admission, 3)
    HELD.set(admission)
    with SteppingOut():
        assert await turned([waiting]) == [True]
    assert not admission.turns_away()
    (next_one,) = await entering(admission, 1)
    assert await turned([next_one]) == [None], "three are in, and there are two slots"
    next_one.cancel()
