"""`backend check`: what is wrong, before it ships."""

import sys

import rich_click as click

from backend.internal.reaching import reached
from backend.settings import Settings


@click.command(epilog="Example: backend check")
def check() -> None:
    """Compare statements, schema, migrations, configuration and contract with each other.

    One line for each finding: file:line: code: sentence. The status is 1 if there is any. It reads the database with
    DATABASE_URL and DATABASE_OWNER_URL, or the embedded one, which is migrated first, and leaves it as it is.
    """
    from backend.checks.every import findings

    with reached(Settings.read(), "checking", migrated=True) as settings:
        found = findings(settings)
    for finding in found:
        click.echo(str(finding))
    if found:
        sys.exit(1)
    click.echo("Nothing is wrong.")
