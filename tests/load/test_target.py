"""What is loaded leaves a core to the load, and takes it back afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.measuring import tree
from tests.load.target import apart, last_core
from tests.process.running import until

if sys.platform != "linux":
    pytest.skip("it uses /proc", allow_module_level=True)

# Another process, and a thread of the first.
FAMILY = (
    "import subprocess, threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    "subprocess.run(['sleep', '60'])"
)


def cores(root: int) -> list[set[int]]:
    """Of each thread of the processes."""
    threads = [thread for pid in tree(root) for thread in Path(f"/proc/{pid}/task").iterdir()]
    return [os.sched_getaffinity(int(thread.name)) for thread in threads]


@pytest.mark.skipif(last_core() is None, reason="there is one core")
def test_meanwhile_no_thread_of_what_is_loaded_is_on_the_core_of_the_load() -> None:
    everywhere = os.sched_getaffinity(0)
    process = subprocess.Popen([sys.executable, "-c", FAMILY], start_new_session=True)
    try:
        until(lambda: len(cores(process.pid)) == 3)
        with apart(process.pid):
            assert cores(process.pid) == [everywhere - {last_core()}] * 3
            assert os.sched_getaffinity(0) == everywhere
        assert cores(process.pid) == [everywhere] * 3
    finally:
        os.killpg(process.pid, 9)
        process.wait()
