"""`backend check`: what is wrong, before it ships."""

import sys
from functools import partial

import rich_click as click

from backend.internal.reaching import reached
from backend.settings import Settings


@click.command(epilog="Example: backend check --replicas 4")
@click.option("--replicas", type=click.IntRange(1), default=1, help="How many machines serve the database (1).")
@click.option("--record", is_flag=True, help="If nothing is wrong, keep in releases/ what this release promises.")
def check(replicas: int, record: bool) -> None:
    """Compare statements, schema, migrations, configuration and contract with each other.

    One line for each finding: file:line: code: sentence. The status is 1 if there is any. It reads the database with
    DATABASE_URL and DATABASE_OWNER_URL, or the embedded one, and leaves it as it is: migrations that wait are tried on
    a scratch database beside the embedded one, and can still be edited.
    """
    from backend.checks.changes import releases
    from backend.checks.database import opened
    from backend.checks.every import findings
    from backend.checks.statements.reading import modules
    from backend.internal.openapi import document_of_the_routes

    with reached(Settings.read(), "checking", rehearsed=True) as settings:
        modules()  # Of those that cannot be imported it tells in a line; the routes could only fail.
        document = document_of_the_routes()
        found = findings(settings, document=document, replicas=replicas, say=partial(click.echo, err=True))
        if record and not found:
            with opened(settings) as database:
                releases.record(database, document)
    for finding in found:
        click.echo(str(finding))
    if found:
        sys.exit(1)
    click.echo("Nothing is wrong." + " What this release promises is in releases/." * record)
