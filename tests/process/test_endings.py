"""How `backend serve` ends: in time, with nothing left behind, whatever is going on."""

import json
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from backend.database.embedded import Embedded
from tests.people import PASSWORD, new_email
from tests.process.running import SERVE, Running, listens, of_process, parent, postgres_port, processes, python, until

pytestmark = pytest.mark.xdist_group("process")

APPLICATIONS = ("-m", "tests.process.applications")
# Never asked: it stands for a database that is configured, so that none is brought up.
ELSEWHERE = {"DATABASE_URL": "postgresql://lodestar_app:x@127.0.0.1:1/lodestar"}
TENTHS = [tenth / 10 for tenth in range(11)]


@pytest.fixture(scope="module", autouse=True)
def created(data_dir: Path) -> None:
    """The cluster is created, the schema migrated and the code compiled before the clock matters."""
    with Running(data_dir) as first:
        first.up()
        assert first.end() == 0
    assert not listens(postgres_port(data_dir))


@pytest.mark.parametrize("seconds", TENTHS)
def test_sigterm_after_the_launch_ends_it_and_leaves_no_postgresql(data_dir: Path, seconds: float) -> None:
    with Running(data_dir) as running:
        running.live(seconds)
        assert running.end() in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
    assert not listens(postgres_port(data_dir))


@pytest.mark.parametrize("seconds", TENTHS[::2])
def test_sigterm_while_the_workers_start_is_not_swallowed(data_dir: Path, seconds: float) -> None:
    env = ELSEWHERE | {"WORKERS": "2", "SHUTDOWN_TIMEOUT": "3"}
    with Running(data_dir, *APPLICATIONS, "dawdling", env=env) as running:
        running.announced()
        running.live(seconds)
        assert running.end() in (0, -signal.SIGTERM)
        assert running.process.stdout
        assert "Killing worker" not in running.process.stdout.read()


def test_the_signals_are_taken_before_anything_slow_is_imported(data_dir: Path) -> None:
    # As process 1 of a container it would otherwise outlive a SIGTERM that comes early.
    code = "import sys; before = set(sys.modules); import backend.__main__; print(*set(sys.modules) - before)"
    imported = {name.partition(".")[0] for name in python(data_dir, "-c", code).stdout.split()}
    assert imported - sys.stdlib_module_names == {"backend"}


def test_sigterm_while_the_cluster_is_created_leaves_a_whole_one(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with Running(data_dir) as running:
        running.told("Creating a PostgreSQL cluster in ")
        assert running.end() == 0
    assert (data_dir / "postgres" / "data").is_dir()
    assert not listens(postgres_port(data_dir))
    Embedded.start(data_dir).erase()


@pytest.mark.parametrize("step", ["PostgreSQL is running", "Serving on"])
def test_sigterm_between_two_steps_undoes_those_that_were_taken(data_dir: Path, step: str) -> None:
    with Running(data_dir) as running:
        running.told(step)
        assert running.end() == 0
    assert not listens(postgres_port(data_dir))


@pytest.mark.parametrize("end", ["the server is stopped", "its worker is killed"])
def test_no_process_that_hashes_is_left(data_dir: Path, end: str) -> None:
    with Running(data_dir, env={"RATE_LIMITS": "off"}) as running:
        running.up()
        body = {"email": new_email(), "password": PASSWORD}
        httpx.post(f"http://127.0.0.1:{running.port}/v1/users", json=body).raise_for_status()
        (worker,) = running.workers()
        (hasher,) = [pid for pid in processes() if parent(pid) == worker]
        assert b"backend.security.hasher" in of_process(hasher, "cmdline")
        if end == "its worker is killed":
            os.kill(worker, signal.SIGKILL)
            until(lambda: not of_process(hasher, "cmdline"))
        assert running.end() == 0
        until(lambda: not of_process(hasher, "cmdline"))


def test_a_request_is_answered_and_a_body_that_never_ends_is_not_waited_for(data_dir: Path) -> None:
    with Running(data_dir, env={"SHUTDOWN_TIMEOUT": "4"}) as running:
        running.up()
        body = json.dumps({"email": "ada@example.com", "password": "x"})
        head = f"POST /v1/users HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: {len(body)}\n\n"
        with running.connect(head + body[:5]) as finished, running.connect(head + body[:5]):
            until(lambda: running.status("/health/live") == 200)
            running.process.terminate()
            until(lambda: running.status("/health/live") == 0)
            finished.sendall(body[5:].encode())
            assert finished.recv(100).startswith(b"HTTP/1.1 422")
            # After SHUTDOWN_TIMEOUT, on a machine that may be slow; a body has until REQUEST_TIMEOUT, half a minute.
            assert running.ended(seconds=15) == 0
    assert not listens(postgres_port(data_dir))


def test_it_is_unready_while_it_drains_and_still_answers(data_dir: Path) -> None:
    with Running(data_dir, env={"DRAIN_SECONDS": "1"}) as running:
        running.up().process.terminate()
        assert until(lambda: running.status("/health/ready") != 200 and running.status("/health/live")) == 200
        assert running.status("/health/ready") == 503
        assert running.ended() == 0


def test_workers_end_with_a_killed_parent_and_the_next_serve_takes_postgresql_over(data_dir: Path) -> None:
    with Running(data_dir) as killed:
        killed.up().process.kill()
        killed.ended()
        port = postgres_port(data_dir)
        assert listens(port)
    with Running(data_dir) as following:
        assert following.up().steps[0] == f"PostgreSQL is running on 127.0.0.1:{port}"
        # Ctrl-C, which a terminal sends to every process of the session.
        os.killpg(following.process.pid, signal.SIGINT)
        assert following.ended() == 0
    assert not listens(port)


def hung_up_on(action: str) -> list[str]:
    """A server that was started with this done at a hang-up, whatever is done here: the suite may run under nohup."""
    code = f"import signal; signal.signal(signal.SIGHUP, signal.{action})"
    return ["-c", f"{code}; from tests.process.applications import main; main('answering')"]


def test_a_hang_up_ends_it_and_under_nohup_does_not(data_dir: Path) -> None:
    with Running(data_dir, *hung_up_on("SIG_DFL"), env=ELSEWHERE) as running:
        running.announced()
        until(lambda: running.status("/") == 200)
        assert running.end(signal.SIGHUP) == 0
    with Running(data_dir, *hung_up_on("SIG_IGN"), env=ELSEWHERE) as running:
        running.announced()
        until(lambda: running.status("/") == 200)
        os.killpg(running.process.pid, signal.SIGHUP)
        assert running.status("/") == 200
        assert running.end() == 0


def test_ctrl_c_is_no_failure_when_the_workers_are_faster(data_dir: Path) -> None:
    with Running(data_dir, *APPLICATIONS, "answering", env=ELSEWHERE) as running:
        running.announced()
        until(lambda: running.status("/") == 200)
        running.process.send_signal(signal.SIGSTOP)
        os.killpg(running.process.pid, signal.SIGINT)
        until(lambda: not running.workers())
        assert running.end(signal.SIGCONT) == 0


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("refusing", "backend: the application has a reason\n"),
        ("breaking", "ValueError: the application has a fault\n"),
    ],
)
def test_an_application_that_cannot_start_ends_the_server(data_dir: Path, factory: str, said: str) -> None:
    done = python(data_dir, *APPLICATIONS, factory, **ELSEWHERE)
    assert done.returncode == 1
    assert done.stderr.count(said) == 1


def test_a_database_that_does_not_answer_is_not_waited_for_after_sigterm(data_dir: Path) -> None:
    with Running(data_dir, env=ELSEWHERE) as waiting:
        waiting.live(2)
        assert waiting.process.poll() is None
        assert waiting.end() == 0


@pytest.mark.checklist(70)
def test_production_without_its_secrets_refuses_in_one_line(data_dir: Path) -> None:
    refused = python(data_dir, *SERVE[:3], ENVIRONMENT="production")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("backend: ")
    assert refused.stderr.count("\n") == 1
    assert all(name in refused.stderr for name in ("SECRET_KEY", "JWT_SIGNING_KEY", "DATABASE_URL"))


@pytest.mark.checklist(54)
def test_a_connection_that_sends_nothing_or_half_a_head_or_idles_is_closed(data_dir: Path) -> None:
    with Running(data_dir, *APPLICATIONS, "answering", "300", env=ELSEWHERE) as running:
        running.announced()
        until(lambda: running.status("/") == 200)
        for text in ("", "GET / HTTP/1.1\nHost: x\n", "GET / HTTP/1.1\nHost: x\n\n", "PRI * HTTP/2.0\n\nSM\n\n"):
            with running.connect(text) as connection:
                assert connection.makefile("rb").read() is not None
        assert running.end() == 0
