"""Where the variables come from: the process, files named by `*_FILE`, and in development `.env`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from environs import Env

# Secrets, and URLs that carry one, may lie in files, as containers mount them (security checklist 70).
FILE_VARIANTS: Final = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "SECRET_KEY",
    "SECRET_KEY_PREVIOUS",
    "JWT_SIGNING_KEY",
    "JWT_VERIFICATION_KEYS",
)
_FILE_CHARACTERS: Final = 65_536


class Environment(Env):
    """environs over a given mapping, with the `*_FILE` variants; a variable set to nothing is not set."""

    def __init__(self, given: Mapping[str, str], development_file: Path | None = None) -> None:
        super().__init__(eager=False)
        self._given = given
        if development_file is not None and self.text("ENVIRONMENT") in ("", "development"):
            self._read_development_file(development_file)

    def _read_development_file(self, path: Path) -> None:
        try:
            self.read_env(path, recurse=False)
        except (OSError, UnicodeDecodeError):
            self._errors[path.name].append("cannot be read")
        if self.text("ENVIRONMENT") not in ("", "development"):
            self._errors["ENVIRONMENT"].append(f"given in {path.name}, which only development reads")

    def _get_value(self, env_key: str, default: Any) -> Any:
        # environs would ask os.environ; its own FileAwareEnv replaces this method in the same way.
        text = self.text(env_key)
        if env_key not in FILE_VARIANTS or not self.text(f"{env_key}_FILE"):
            return text or default
        if text:
            self._errors[env_key].append("given together with its _FILE variant")
            return default
        return self._from_file(env_key) or default

    def text(self, name: str) -> str:
        """The value, that of the process before that of `.env`, or "" when there is none."""
        return self._given.get(name, "").strip() or self._environ.get(name, "").strip()

    def _from_file(self, name: str) -> str:
        try:
            with Path(self.text(f"{name}_FILE")).open(encoding="utf-8") as file:
                text = file.read(_FILE_CHARACTERS).strip()
        except (OSError, ValueError):
            self._errors[name].append("its _FILE variant cannot be read")
            return ""
        if not text:
            self._errors[name].append("its _FILE variant is empty")
        return text

    def problems(self) -> dict[str, list[str]]:
        """What was wrong with what has been read so far, by variable."""
        return {name: [_phrase(reason) for reason in reasons] for name, reasons in self._errors.items()}


def _phrase(reason: str) -> str:
    """marshmallow's "Not a valid integer." as it reads in a list."""
    return reason[:1].lower() + reason[1:].rstrip(".")
