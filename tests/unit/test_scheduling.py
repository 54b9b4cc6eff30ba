"""Hashing takes what CPU is left: its process, and no other, yields to everybody."""

import errno
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.security import scheduling
from backend.security.hashing import HashPool
from backend.security.jobs import Costs

if sys.platform != "linux":
    pytest.skip("SCHED_IDLE is a policy of Linux", allow_module_level=True)

# Asks for it by itself, and prints what it has then.
ASK = """
import os
from contextlib import suppress
with suppress(OSError):
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
print(os.sched_getscheduler(0))
"""


@pytest.fixture
def _allowed() -> None:
    asked = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    if int(asked.stdout) != os.SCHED_IDLE:
        pytest.skip("the sandbox that the tests run in refuses SCHED_IDLE")


def policies_of(pid: int) -> list[int]:
    """Of each thread."""
    return [os.sched_getscheduler(int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()]


@pytest.fixture
async def process() -> AsyncIterator[int]:
    pool = HashPool(Costs(1, 8, 1, 2), 2)
    await pool.run(b"a password")
    assert pool._process
    yield pool._process.pid
    await pool.close()


def group_of(pid: int | str) -> tuple[str, str]:
    """Name and weight, such as "/autogroup-42" and "nice 19"; nothing for what began before there were sessions."""
    path = Path(f"/proc/{pid}/autogroup")
    if not path.exists():
        pytest.skip("this kernel groups no processes by sessions")
    name, _, weight = path.read_text().strip().partition(" ")
    return name, weight


@pytest.mark.usefixtures("_allowed")
async def test_a_password_is_hashed_with_the_cpu_that_others_leave(process: int) -> None:
    policies = policies_of(process)
    assert len(policies) > 1
    assert set(policies) == {os.SCHED_IDLE}
    assert os.SCHED_IDLE not in policies_of(os.getpid())


async def test_its_session_is_its_own_and_weighs_least(process: int) -> None:
    assert os.getsid(process) == process
    name, weight = group_of(process)
    assert weight == "nice 19"
    assert name != group_of("self")[0]


class Reluctant:
    """Stands for the file; refuses some times."""

    def __init__(self, *errors: int) -> None:
        self._errors = list(errors)
        self.written: list[str] = []

    def write_text(self, text: str) -> None:
        if self._errors:
            raise OSError(self._errors.pop(0), "refused")
        self.written.append(text)


def ask(monkeypatch: pytest.MonkeyPatch, group: Reluctant) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: None)
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid())
    monkeypatch.setattr(scheduling, "_GROUP", group)
    monkeypatch.setattr("time.sleep", pauses.append)
    scheduling.yield_to_everybody()
    return pauses


def test_who_asks_at_the_same_time_as_another_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Reluctant(errno.EAGAIN, errno.EAGAIN)
    assert len(ask(monkeypatch, group)) == 2
    assert group.written == ["19"]


def test_asking_again_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < sum(ask(monkeypatch, Reluctant(*[errno.EAGAIN] * 1000))) < 10


def test_the_session_of_others_keeps_its_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Reluctant()
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: None)
    monkeypatch.setattr(scheduling, "_GROUP", group)
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid() + 1)
    scheduling.yield_to_everybody()
    assert group.written == []


@pytest.mark.parametrize("error", [errno.ENOENT, errno.EPERM, errno.EROFS])
def test_where_the_system_does_not_allow_it_nothing_happens(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    group = Reluctant(error)
    assert ask(monkeypatch, group) == []
    assert group.written == []


@pytest.mark.parametrize("system", ["refuses", "does not know it"])
def test_where_there_is_no_such_policy_nothing_happens(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    before, group = os.sched_getscheduler(0), Reluctant()

    def refused(*_: object) -> None:
        raise PermissionError

    ask(monkeypatch, group)
    if system == "refuses":
        monkeypatch.setattr(os, "sched_setscheduler", refused)
    else:
        monkeypatch.delattr(os, "SCHED_IDLE")
        monkeypatch.delattr(os, "sched_setscheduler")
    scheduling.yield_to_everybody()
    assert os.sched_getscheduler(0) == before
    assert group.written == ["19", "19"]
