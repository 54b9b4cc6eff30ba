"""Kinds of text that more than one contract takes. None of them may hold NUL, which PostgreSQL cannot store."""

from typing import Annotated, Final

from msgspec import Meta

NO_NUL: Final = r"^[^\x00]*\Z"

# A valid e-mail address as HTML defines it: ASCII, so that lower-casing means the same here and in PostgreSQL.
_EMAIL: Final = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z"
)

Email = Annotated[str, Meta(max_length=254, pattern=_EMAIL, description="Lower-cased.", examples=["ada@example.com"])]
Name = Annotated[str, Meta(max_length=200, pattern=NO_NUL)]
Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_NUL)]
Description = Annotated[str, Meta(max_length=2000, pattern=NO_NUL)]

# Hashed as it is.
Password = Annotated[str, Meta(max_length=1024, pattern=NO_NUL, examples=["correct horse battery staple"])]

# One that is to be set: it is judged besides, with a reason that can be shown (see `backend.contracts.passwords`).
NewPassword = Annotated[
    str,
    Meta(
        max_length=1024,
        pattern=NO_NUL,
        description="Long enough and hard to guess.",
        examples=["correct horse battery staple"],
    ),
]

# What is tried as an address at log-in: one that cannot be one is unknown, and told so in the same words.
AnyEmail = Annotated[str, Meta(max_length=254, pattern=NO_NUL, examples=["ada@example.com"])]
