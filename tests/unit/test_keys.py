"""`backend keys new`: what it prints can be put into an env file of any kind, and production starts on it."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from dotenv import dotenv_values

from backend.internal.keys import keys
from backend.security.keyring import KeyRing
from backend.settings import Settings

REST = {
    "ENVIRONMENT": "production",
    "EMAIL_VERIFICATION": "off",
    "DATABASE_URL": "postgresql://app:6Jt0-pK2vL9_wXe4@localhost/main",
}


def printed() -> str:
    result = CliRunner().invoke(keys, ["new"])
    assert result.exit_code == 0
    return result.stdout


def by_dotenv(path: Path) -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(path).items()}


def by_a_shell(path: Path) -> dict[str, str]:
    script = 'set -a; . "$1"; env -0'
    out = subprocess.run(["sh", "-c", script, "sh", path], env={}, capture_output=True, check=True).stdout.decode()
    return dict(line.split("=", 1) for line in out.split("\0") if "=" in line)


def by_docker(path: Path) -> dict[str, str]:
    """`--env-file` takes each line as it is, quotes and backslashes too."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.checklist(70)
@pytest.mark.parametrize("reader", [by_dotenv, by_a_shell, by_docker])
def test_the_lines_are_an_env_file(reader: Callable[[Path], dict[str, str]], tmp_path: Path) -> None:
    (tmp_path / "env").write_text(printed())
    settings = Settings.read(reader(tmp_path / "env") | REST)
    assert len(settings.secret_key) == 32
    assert KeyRing(settings.jwt_signing_key, ()).kid in (tmp_path / "env").read_text()


def test_the_public_half_follows_for_the_day_it_no_longer_signs(tmp_path: Path) -> None:
    (tmp_path / "env").write_text(printed())
    *_, named, public = (tmp_path / "env").read_text().splitlines()
    settings = Settings.read(by_dotenv(tmp_path / "env") | REST)
    later = Settings.read(by_dotenv(tmp_path / "env") | REST | {"JWT_VERIFICATION_KEYS": public.removeprefix("# ")})
    kid = KeyRing(settings.jwt_signing_key, ()).kid
    assert kid in named
    assert set(KeyRing(later.jwt_signing_key, later.jwt_verification_keys).public) == {kid}


def test_every_call_makes_others() -> None:
    first, second = printed().splitlines(), printed().splitlines()
    assert not set(first) & set(second)
    assert all(line.isascii() for line in first)
    assert base64.b16decode(first[0].removeprefix("SECRET_KEY="), casefold=True)


def test_help_has_an_example() -> None:
    assert "Example:" in CliRunner().invoke(keys, ["new", "--help"]).stdout
