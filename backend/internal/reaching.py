"""What commands at the database share: reaching the configured or the embedded one, and telling of the wait."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from msgspec.structs import replace

from backend.settings import Settings


@contextmanager
def reached(
    settings: Settings, waiting_for: str, *, migrated: bool = False, rehearsed: bool = False
) -> Iterator[Settings]:
    """The settings with both URLs: those configured, or those of the embedded PostgreSQL.

    That one runs at least until the end, and is `migrated` first if that is asked for. If it is to be `rehearsed` and
    something waits to be migrated, a scratch database is, which is gone afterwards. A line on a terminal says what is
    being done meanwhile, and leaves no trace. Raises OperatorError.
    """
    with _told(waiting_for) as tell:
        if settings.database_url is not None:
            yield settings
            return
        from backend.database.embedded import Embedded
        from backend.database.migrate import migrate, plan

        with Embedded.start(settings.data_dir, report=tell) as embedded, ExitStack() as stack:
            found = replace(settings, database_url=embedded.runtime_url, database_owner_url=embedded.owner_url)
            if waiting := rehearsed and plan(found):
                found = replace(found, **stack.enter_context(embedded.scratch()))
            if migrated or waiting:
                migrate(found, tell)
            tell(waiting_for)
            yield found


@contextmanager
def _told(first: str) -> Iterator[Callable[[str], object]]:
    """What shows a line beside a spinner where standard error is a terminal, and nothing elsewhere."""
    from rich.console import Console

    with Console(stderr=True).status(first) as status:
        yield status.update
