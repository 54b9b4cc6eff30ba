"""A foreign row is not there, and so answered like one that never was."""

from backend.errors import NotFound


def found[T](row: T | None) -> T:
    """Raises NotFound (404) where there is none."""
    if row is None:
        raise NotFound
    return row
