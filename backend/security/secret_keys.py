"""SECRET_KEY: read from what a variable holds, turned into one key per purpose, made anew and kept."""

import base64
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_KEY_BYTES: Final = 32
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")


def derived_key(secret: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose (HKDF-SHA256, RFC 5869); two purposes' keys tell nothing of each other."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"lodestar/" + purpose.encode()).derive(secret)


def decoded_secret(text: str) -> bytes:
    """The bytes of hex or of base64 (either alphabet, padded or not); ValueError for anything else."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    body = text.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)


def new_secret_key() -> str:
    """32 random bytes in hex, which no shell and no env file format has to quote."""
    return secrets.token_hex(SECRET_KEY_BYTES)


def kept(path: Path, fresh: str) -> str:
    """What the file holds, or `fresh`, which it holds from now on (mode 600, its folder 700). Raises OSError.

    Two processes that start at once agree: link() fails when the name is taken, so one of them writes and the
    other reads, and neither ever sees half a key.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(fresh)
            with suppress(FileExistsError):
                path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
    return path.read_text().strip()
