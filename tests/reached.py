"""A plugin of pytest: after the whole suite, what is documented has been reached by some test, or the run fails.

That nothing is answered which is not documented is the matter of `tests.documented`; this is the way back. Every
answer of every route counts by itself, except for the codes of ONCE: those have to be seen on one route.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.documented import REACHED, Reached, whole_document

# Refusals that stand before every handler of their kind, and take a fault of the surroundings to be seen.
ONCE: Final = {
    "internal_error": "a fault of ours, which no route is known to have",
    "overloaded": "the pool and the queue of hashes are the same for all",
    "database_unavailable": "the pool is the same for all",
    "deadline_exceeded": "counted at the edge, and by the time-out of every statement",
    "body_timeout": "counted where bodies are read",
    "body_too_large": "counted where bodies are read",
}
# By route and answer, what no test can reach, and why it is documented all the same.
UNREACHED: Final[dict[tuple[str, int, str], str]] = {}

_MISSING: Final = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reached", action="store_true", help="say what of the document no test has reached, in any run")


def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist has ended."""
    REACHED.update(Reached(*one) for one in getattr(node, "workeroutput", {}).get("reached", ()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["reached"] = [tuple(one) for one in REACHED]
    elif config.option.reached or (exitstatus == pytest.ExitCode.OK and _is_whole(config)):
        config.stash[_MISSING] = missing = sorted(unreached(whole_document(), REACHED))
        if missing:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if missing := config.stash.get(_MISSING, None):
        terminalreporter.section("documented, and reached by no test")
        for line in missing:
            terminalreporter.write_line(line)


def _is_whole(config: pytest.Config) -> bool:
    """Whether nothing was left out of the run."""
    narrowed = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise", "collectonly")
    return config.args_source == pytest.Config.ArgsSource.TESTPATHS and not any(
        getattr(config.option, name, None) for name in narrowed
    )


def unreached(openapi: dict[str, Any], reached: set[Reached]) -> Iterator[str]:
    """A line for each documented answer that was not seen, and for each reason that is needed no more."""
    seen = {(f"{one.method} {one.template}", one.status, one.code) for one in reached}
    seen_codes = {one.code for one in reached}
    said = set(_documented(openapi))
    for route, status, code in said - seen:
        if not (code in seen_codes if code in ONCE else (route, status, code) in UNREACHED):
            yield f"{route}: {status} {code}".rstrip()
    for route, status, code in UNREACHED.keys() & seen | UNREACHED.keys() - said:
        yield f"{f'{route}: {status} {code}'.rstrip()}: is reached, or not documented, and needs no reason"


def _documented(openapi: dict[str, Any]) -> Iterator[tuple[str, int, str]]:
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                problems = answer.get("content", {}).get("application/problem+json", {}).get("examples", {"": None})
                yield from ((f"{method.upper()} {path}", int(status), code) for code in problems)
