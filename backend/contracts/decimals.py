"""Decimal numbers, which travel as text: a number of JSON is read as a float by most who read it."""

from decimal import Decimal
from typing import Annotated, Final, overload

from msgspec import Meta, UnsetType

_DIGITS: Final = r"^-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?\Z"

Digits = Annotated[
    str,
    Meta(
        pattern=_DIGITS,
        description="A decimal number: up to twelve digits before the point, and up to six behind it.",
        examples=["12.50"],
    ),
]


@overload
def decimal_of(digits: str) -> Decimal: ...
@overload
def decimal_of(digits: str | UnsetType | None) -> Decimal | None: ...
def decimal_of(digits: str | UnsetType | None) -> Decimal | None:
    """The number that `Digits` spell, with as many digits behind the point; None where nothing is given."""
    return Decimal(digits) if isinstance(digits, str) else None
