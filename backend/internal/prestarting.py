"""`backend prestart`: whether this release can serve from its database."""

import rich_click as click

from backend.internal.reaching import reached
from backend.settings import Settings


@click.command(epilog="Example: backend prestart && backend serve")
def prestart() -> None:
    """Wait for PostgreSQL, for half a minute at the most, then check its role and schema.

    The role of DATABASE_URL must be bound by row security, and the schema at least as new as this release.
    """
    from backend import prestart as checks

    with reached(Settings.read(), "waiting for PostgreSQL") as settings:
        checks.prestart(settings)
    click.echo("PostgreSQL answers, and its role and schema are fit to serve from.")
