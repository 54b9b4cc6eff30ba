"""`backend migrate`: brings the schema up to this release."""

import rich_click as click

from backend.internal.reaching import reached
from backend.settings import Settings


@click.command(epilog="Example: backend migrate --plan")
@click.option("--plan", "only_listing", is_flag=True, help="Only list the files that would be applied.")
def migrate(only_listing: bool) -> None:
    """Apply what is new in queries/migrations, as the owner.

    Each file is one transaction. Roles, and the login that DATABASE_URL names, are made when they are missing; where
    the owner may not do that, the statements that a DBA must run are printed instead.
    """
    from backend.database import migrate as migrations

    with reached(Settings.read(), "migrating") as settings:
        if only_listing:
            names = migrations.plan(settings)
            click.echo("".join(f"{name}\n" for name in names), nl=False)
        else:
            names = migrations.migrate(settings, click.echo)
    if not names:
        click.echo("There is nothing to migrate.")
