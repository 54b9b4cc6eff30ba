"""A plugin of pytest: shows at the end what the micro-benchmarks have measured, and writes it to a file if asked to."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from tests.benchmarks.environment import environment

PROPERTY: Final = "benchmark"
_HEAD: Final = f"{'':28}{'alone, CPU us':^20}{'16 at once, CPU us':^20}{'round':>8}{'state-':>8}\n" + (
    f"{'':28}{'app':>9}{'PostgreSQL':>11}{'app':>9}{'PostgreSQL':>11}{'trips':>8}{'ments':>8}"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--benchmark-json", type=Path, metavar="FILE", help="write what the benchmarks measure to FILE")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """By way of the reports, for the workers of pytest-xdist have no terminal."""
    measured = list(_measured(terminalreporter))
    if not measured:
        return
    file: Path | None = config.option.benchmark_json
    if file:
        content = {"environment": environment(), "requests": measured}
        file.write_bytes(msgspec.json.format(msgspec.json.encode(content)))
    if file or config.option.markexpr == "benchmark":
        terminalreporter.section("what a request costs")
        terminalreporter.write_line(_HEAD)
        for one in measured:
            terminalreporter.write_line(_line(one))


def _measured(terminalreporter: Any) -> Iterator[Mapping[str, Any]]:
    for report in terminalreporter.stats.get("passed", ()):
        yield from (value for name, value in report.user_properties if name == PROPERTY)


def _line(one: Mapping[str, Any]) -> str:
    times = "".join(f"{one[who]['app']:9.0f}{one[who]['postgres']:11.0f}" for who in ("alone", "together"))
    return f"{one['route']:28}{times}{one['round_trips']:8}{one['statements']:8}"
