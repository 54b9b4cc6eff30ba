"""The memory that a control group allows, on folders that look like /sys/fs/cgroup."""

from pathlib import Path

import pytest

from backend.configuration.memory import available_memory

V1 = "9223372036854771712"  # What it says where there is no limit.


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, None),
        ({"pod/app/memory.max": "max"}, None),
        ({"pod/app/memory.max": "1000"}, 1000),
        ({"pod/app/memory.max": "1000", "pod/memory.max": "900"}, 900),
        ({"pod/app/memory.max": "max", "memory.max": "800"}, 800),
        ({"pod/app/memory.max": "garbage"}, None),
        ({"memory/box/memory.limit_in_bytes": V1}, None),
        ({"memory/box/memory.limit_in_bytes": "700", "memory/memory.limit_in_bytes": V1}, 700),
        ({"memory/memory.limit_in_bytes": "600", "memory/box/memory.limit_in_bytes": V1}, 600),
    ],
)
def test_the_tightest_limit_above_us_counts(tmp_path: Path, limits: dict[str, str], expected: int | None) -> None:
    for name, limit in limits.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{limit}\n")
    (tmp_path / "membership").write_text("5:name=systemd:/x\n4:cpu,memory:/box\n0::/pod/app\n")
    assert available_memory(tmp_path / "membership", tmp_path) == expected


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert available_memory(tmp_path / "missing", tmp_path) is None
