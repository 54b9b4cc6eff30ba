"""`backend keys`: makes secrets; it stores nothing and reads no settings."""

import rich_click as click

from backend.security.keyring import KeyRing, new_signing_key, public_pem
from backend.security.secret_keys import new_secret_key


@click.group(epilog="Example: backend keys new > production.env")
def keys() -> None:
    """Make the secrets that a deployment needs."""


@keys.command(epilog="Example: backend keys new > production.env")
def new() -> None:
    """Print a fresh SECRET_KEY and JWT_SIGNING_KEY as lines of an env file.

    The public half of the signing key follows as a comment: once another key signs, it goes into
    JWT_VERIFICATION_KEYS for as long as tokens that it signed may live.
    """
    signing_pem = new_signing_key()
    ring = KeyRing(signing_pem, ())
    click.echo(f"SECRET_KEY={new_secret_key()}")
    click.echo(f"JWT_SIGNING_KEY={_one_line(signing_pem)}")
    click.echo(f"# Its kid is {ring.kid}. For JWT_VERIFICATION_KEYS, when it no longer signs:")
    click.echo(f"# {_one_line(public_pem(ring.public[ring.kid]))}")


def _one_line(pem: str) -> str:
    """Quoted, with a literal \\n between the lines: what dotenv, shells, systemd and docker all pass on."""
    return '"' + pem.strip().replace("\n", "\\n") + '"'
