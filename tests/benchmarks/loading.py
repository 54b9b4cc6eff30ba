"""Puts a server under load with wrk, while a witness looks at whose rows come back."""

import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import msgspec
from msgspec import Struct

from backend.operators import OperatorError
from tests.benchmarks.scenarios import NEW_ITEM, Scenario, fault_of

_SCRIPT: Final = Path(__file__).with_name("callers.lua")
_PAUSE_SECONDS: Final = 0.05


class Load(Struct, frozen=True):
    """What wrk has seen; `refused` counts answers that are no success, `broken` what got no answer."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int

    def check(self) -> None:
        """Raises OperatorError when not every request got what it asked for: such a load is no measure."""
        if self.refused or self.broken or not self.requests:
            raise OperatorError(f"{self.refused} of {self.requests} requests refused, {self.broken} socket errors")


def wrk() -> str:
    """Where it is. Raises OperatorError when it is nowhere."""
    found = shutil.which("wrk")
    if found is None:
        raise OperatorError("wrk is not installed: it makes the load. Debian and Ubuntu have it in the package wrk.")
    return found


def load(url: str, scenario: Scenario, tokens: Path, seconds: int, connections: int) -> Load:
    """A closed loop of this many connections, from one thread. Raises OperatorError when wrk fails."""
    command = [*last_core(), wrk(), "--threads=1", f"--connections={connections}", f"--duration={seconds}"]
    callers = [str(tokens)] if scenario.owner else []
    command += [f"--script={_SCRIPT}", url + scenario.target, "--", scenario.method, *callers]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OperatorError(f"wrk failed: {(done.stderr or done.stdout).strip()}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Load)


def last_core() -> Sequence[str]:
    """So that the load takes turns with a server as little as can be, and with each in the same way."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 or not shutil.which("taskset"):
        return ()
    return ("taskset", "--cpu-list", str(cores[-1]))


@contextmanager
def witnessed(url: str, scenario: Scenario, callers: Sequence[tuple[str, str]]) -> Iterator[None]:
    """Meanwhile one caller (user id, token) after another asks. Raises OperatorError when one sees not just his own."""
    if scenario.owner is None:
        yield
        return
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        looks = pool.submit(_look, url, scenario, callers, over)
        try:
            yield
        finally:
            over.set()
        if not looks.result():
            raise OperatorError("nobody could look at the answers")


def _look(url: str, scenario: Scenario, callers: Sequence[tuple[str, str]], over: threading.Event) -> int:
    """How often it looked."""
    body = NEW_ITEM if scenario.method == "POST" else None
    looks = 0
    with httpx.Client(base_url=url) as client:
        while not over.wait(_PAUSE_SECONDS):
            caller, token = secrets.choice(callers)
            headers = {"authorization": f"Bearer {token}"}
            try:
                answer = client.request(scenario.method, scenario.target, headers=headers, json=body)
            except httpx.TransportError as error:
                raise OperatorError(f"a witness got no answer: {error}") from None
            fault = fault_of(scenario, caller, answer.json()) if answer.is_success else answer.text
            if fault:
                raise OperatorError(f"a witness was answered {answer.status_code}: {fault}")
            looks += 1
    return looks
