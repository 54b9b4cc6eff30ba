"""A foreign row is not there, and so answered like one that never was."""

from backend.errors import NotFound, PreconditionFailed


def found[T](row: T | None) -> T:
    """Raises NotFound (404) where there is none."""
    if row is None:
        raise NotFound
    return row


def in_state[T](row: T | None, if_match: str | None) -> T:
    """The row that a change gave; without one it was in no state that If-Match names, or has just gone.

    Raises PreconditionFailed (412) and NotFound (404).
    """
    if row is None and if_match is not None:
        raise PreconditionFailed
    return found(row)
