"""A row together with which state of it this is."""

from msgspec import Struct


class Versioned[T](Struct, frozen=True):
    """`version` is counted by the database, from 1 on, and not part of the row; columns end with it."""

    row: T
    version: int


class Changed[T](Struct, frozen=True):
    """What became of a row that is there: None and None, it was not in one of the states that were asked for."""

    row: T | None
    version: int | None


class Removal(Struct, frozen=True):
    """What became of a row that was there; it is not `done` if the row was in none of the states asked for."""

    done: bool
