"""The CPUs that a control group allows, on folders that look like /sys/fs/cgroup."""

import os
from pathlib import Path

import pytest

from backend.configuration.cpus import available_cpus
from backend.security.keyring import new_signing_key
from backend.security.secret_keys import new_secret_key
from backend.settings import Settings

OURS = len(os.sched_getaffinity(0))


def cgroup(root: Path, **cpu_max: str) -> tuple[Path, Path]:
    """A hierarchy /, /pod, /pod/app with these limits, and the file that puts us into /pod/app."""
    (root / "pod" / "app").mkdir(parents=True)
    for name, folder in {"top": root, "pod": root / "pod", "app": root / "pod" / "app"}.items():
        if name in cpu_max:
            (folder / "cpu.max").write_text(cpu_max[name] + "\n")
    (root / "membership").write_text("1:name=systemd:/elsewhere\n0::/pod/app\n")
    return root / "membership", root


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, OURS),
        ({"app": "max 100000"}, OURS),
        ({"app": "100000 100000"}, 1),
        ({"app": "50000 100000"}, 1),
        ({"app": "190000 100000"}, 1),
        ({"app": "6400000 100000"}, OURS),
        ({"app": "max 100000", "pod": "100000 100000"}, 1),
        ({"top": "150000 100000"}, 1),
        ({"app": "garbage"}, OURS),
        ({"app": "100000 0"}, OURS),
    ],
)
def test_the_tightest_quota_above_us_counts(tmp_path: Path, limits: dict[str, str], expected: int) -> None:
    assert available_cpus(*cgroup(tmp_path, **limits)) == expected


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert available_cpus(tmp_path / "missing", tmp_path) == OURS
    (tmp_path / "v1").write_text("4:cpu:/pod\n")
    assert available_cpus(tmp_path / "v1", tmp_path) == OURS


def test_hashing_threads_share_the_cpus_among_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.configuration.variables.available_cpus", lambda: 8)
    keys = {"SECRET_KEY": new_secret_key(), "JWT_SIGNING_KEY": new_signing_key()}
    assert Settings.read(keys).workers == 8
    assert [Settings.read(keys | {"WORKERS": n}).hash_workers for n in ("1", "3", "8", "20")] == [8, 2, 1, 1]
