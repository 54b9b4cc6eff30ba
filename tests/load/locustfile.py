"""A day in the life of API clients, for locust:

    RATE_LIMITS=off uv run backend serve
    uv run --group bench locust -f tests/load/locustfile.py --headless --users 50 --spawn-rate 10 --run-time 1m \\
        --host http://127.0.0.1:8000 --html report.html

Every answer is checked: its status, and whose rows it shows. It ends with status 1, and says why, when too much failed
or a limit of `tests.load.limits` was exceeded. `--days 1` ends when each user has done everything that a day has.
"""

import logging
import random
import secrets
from argparse import Namespace
from collections import Counter
from contextlib import suppress
from typing import Final

from locust import FastHttpUser, TaskSet, events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser
from locust.stats import StatsEntry

from tests.load import chores, clients, limits

_RUN: Final = secrets.token_hex(4)

# How often each is done in a day, in an order that is dealt anew each day.
DAY: Final = {
    chores.log_in: 1,
    chores.refresh: 2,
    chores.read_me: 5,
    chores.read_one: 20,
    chores.read_a_foreign_one: 2,
    chores.read_again: 10,
    chores.page_through: 6,
    chores.search: 3,
    chores.search_in_order: 3,
    chores.write: 8,
    chores.write_once: 2,
    chores.write_a_batch: 1,
    chores.edit_what_was_seen: 3,
}


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--days", type=int, default=0, help="End when each user has lived so many days; 0: never.")
    parser.add_argument("--pause", type=float, default=0.2, help="Seconds between two chores, on average.")
    parser.add_argument("--accounts", default=_RUN, help="Use the accounts of this name again; otherwise new ones.")
    parser.add_argument("--time-limits", default="1", help="Multiplies what is allowed; `off` allows any time.")


class Life(TaskSet):
    """One day after the other, each with everything that DAY says."""

    tasks = DAY

    def on_start(self) -> None:
        self.days = 0
        self.left_of_day: list[chores.Chore] = []
        self.client_of_api = clients.Client(self.client, f"load-{self.options.accounts}-{next(clients.numbers)}")
        try:
            self.client_of_api.move_in()
        except clients.Failed:
            raise StopUser from None

    @property
    def options(self) -> Namespace:
        return self.user.environment.parsed_options

    def get_next_task(self) -> chores.Chore:
        if not self.left_of_day:
            if self.options.days and self.days == self.options.days:
                raise StopUser
            self.days += 1
            self.left_of_day = random.sample(self.tasks, len(self.tasks))
        return self.left_of_day.pop()

    def execute_task(self, task: chores.Chore) -> None:
        with suppress(clients.Failed):
            task(self.client_of_api)
            _done[task] += 1


class ApiUser(FastHttpUser):
    tasks = [Life]
    network_timeout = connection_timeout = 30.0

    def wait_time(self) -> float:
        return random.uniform(0, 2 * self.environment.parsed_options.pause)

    def on_stop(self) -> None:
        """The last one to leave ends the run."""
        _left.append(self)
        if len(_left) == self.environment.parsed_options.num_users:
            self.environment.runner.quit()


_left: Final[list[ApiUser]] = []
_done: Final[Counter[chores.Chore]] = Counter()
_log: Final = logging.getLogger("limits")


@events.quitting.add_listener
def judge(environment: Environment, **_: object) -> None:
    """Decides the exit status."""
    stats = environment.stats
    seen = {f"{one.method} {one.name}": _seen(one) for one in stats.entries.values()}
    faults = {f"{one.method} {one.name}: {one.error}": one.occurrences for one in stats.errors.values()}
    surprises = [one["msg"] for one in environment.runner.exceptions.values()]
    allowed = environment.parsed_options.time_limits
    lines = list(limits.broken(seen, faults, surprises, None if allowed == "off" else float(allowed)))
    _log.info("lived: %s", ", ".join(f"{chore.__name__} {_done[chore]}" for chore in DAY))
    for line in lines:
        _log.error("broken: %s", line)
    environment.process_exit_code = 1 if lines else 0


def _seen(entry: StatsEntry) -> limits.Seen:
    p95, p99 = (entry.get_response_time_percentile(part) for part in (0.95, 0.99))
    return limits.Seen(entry.num_requests, entry.num_failures, p95, p99)
