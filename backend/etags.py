"""Entity tags (RFC 9110, 8.8.3 and 13.1): which state of something, and in which representation.

A tag is the row's version, and behind it what else tells two representations apart: `"7"` is JSON, `"7-msgpack"` and
`"7-gzip"` and `"7-msgpack-br"` are others of the same state. So they are strong, as If-Match wants them.
"""

import re
from typing import Annotated, Final

from litestar.params import HeaderParameter

IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description="ETags, or `*`: only in one of these states is anything done."),
]

_TAG: Final = re.compile(r'\s*(W/)?"(?:(\d{1,18})((?:-[a-z]+){0,2})|[^"]*)"\s*')


def etag(version: int, *marks: str) -> str:
    """The tag of a version; `marks` are its media type and content coding, where they are not the plain ones."""
    return f'"{"-".join((str(version), *filter(None, marks)))}"'


def versions_of(if_match: str | None) -> list[int] | None:
    """The versions that an If-Match header names, compared strongly: whatever the representation, and never a weak tag.

    None, which is any, for `*` and where there is no such header; what is no tag of ours names nothing.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = (_TAG.fullmatch(one) for one in if_match.split(","))
    return [int(one[2]) for one in found if one and one[2] and not one[1]]


def names(if_none_match: str, version: int, media: str) -> bool:
    """Whether an If-None-Match header names this version in this media type, in any coding, compared weakly."""
    if if_none_match.strip() == "*":
        return True
    codings = ("", "-gzip", "-br")
    wanted = {etag(version, media)[1:-1] + coding for coding in codings}
    given = (one.strip().removeprefix("W/") for one in if_none_match.split(","))
    return any(one[:1] == one[-1:] == '"' and one[1:-1] in wanted for one in given)
