"""Kinds of text that more than one contract takes. None of them may hold NUL, which PostgreSQL cannot store."""

from typing import Annotated, Final

from msgspec import Meta

_NO_NUL: Final = r"^[^\x00]*\Z"

# A valid e-mail address as HTML defines it: ASCII, so that lower-casing means the same here and in PostgreSQL.
_EMAIL: Final = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z"
)

Email = Annotated[str, Meta(max_length=254, pattern=_EMAIL, description="Lower-cased.", examples=["ada@example.com"])]
Name = Annotated[str, Meta(max_length=200, pattern=_NO_NUL)]
Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=_NO_NUL)]
Description = Annotated[str, Meta(max_length=2000, pattern=_NO_NUL)]

# Hashed as it is; what it must be is judged where it is set, with a reason that can be shown.
Password = Annotated[str, Meta(max_length=1024, examples=["correct horse battery staple"])]
