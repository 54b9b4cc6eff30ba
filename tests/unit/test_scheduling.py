"""Hashing takes what CPU is left: its threads, and no others, are idle in the eyes of the operating system."""

import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest

from backend.security.passwords import Passwords
from backend.security.scheduling import yield_to_everybody
from backend.settings import Settings

if sys.platform != "linux":
    pytest.skip("SCHED_IDLE is a policy of Linux", allow_module_level=True)


@pytest.fixture
async def passwords(tmp_path: Path) -> AsyncIterator[Passwords]:
    passwords = Passwords(Settings.read({"DATA_DIR": str(tmp_path), "HASH_WORKERS": "2"}))
    yield passwords
    passwords.close()


def policy_after(job: Any) -> int:
    """The policy of a thread of its own in which `job` has run: there may be no way back."""
    policies: list[int] = []

    def run() -> None:
        job()
        policies.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    (policy,) = policies
    return policy


def ask_for_it() -> None:
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


async def test_a_password_is_hashed_with_the_cpu_that_others_leave(passwords: Passwords) -> None:
    if policy_after(ask_for_it) != os.SCHED_IDLE:
        pytest.skip("the sandbox that the tests run in refuses SCHED_IDLE")
    assert await passwords._pool.run(os.sched_getscheduler, 0) == os.SCHED_IDLE
    assert os.sched_getscheduler(0) != os.SCHED_IDLE


def refused(*_: object) -> NoReturn:
    raise PermissionError


@pytest.mark.parametrize("system", ["refuses", "does not know it"])
def test_where_the_system_does_not_allow_it_nothing_happens(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    before = policy_after(lambda: None)
    if system == "refuses":
        monkeypatch.setattr(os, "sched_setscheduler", refused)
    else:
        monkeypatch.delattr(os, "SCHED_IDLE")
        monkeypatch.delattr(os, "sched_setscheduler")
    assert policy_after(yield_to_everybody) == before
