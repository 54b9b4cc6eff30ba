"""The lock file that the container installs from is the one that pyproject.toml leads to."""

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"


def test_the_lock_is_what_an_export_gives_again() -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv, "this test wants uv, which runs it"
    export = [uv, "export", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate", "--quiet"]
    again = subprocess.run(export, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert again == LOCK.read_text()


def test_the_lock_has_hashes_for_everything_and_names_no_host() -> None:
    text = LOCK.read_text()
    assert "://" not in text
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert len(requirements) > 10
    assert all("--hash=sha256:" in one for one in requirements)


def test_every_range_ends_below_the_next_major() -> None:
    names = re.findall(r'^    "([a-z][^"]*)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    ranges = [name for name in names if ">=" in name]
    assert len(ranges) > 15
    assert [name for name in ranges if ",<" not in name] == []
