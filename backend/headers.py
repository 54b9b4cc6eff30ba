"""The headers of a request by their names: read once, and looked up by everybody."""

from collections import defaultdict
from collections.abc import Iterable, Mapping


def by_name(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """Lines of the same name are one, a list with commas (RFC 9110, 5.2). ASGI has names in lower case."""
    lines = list(headers)
    found = dict(lines)
    if len(found) == len(lines):
        return found
    values = defaultdict[bytes, list[bytes]](list)
    for name, value in lines:
        values[name].append(value)
    return {name: b", ".join(several) for name, several in values.items()}


def names_host(headers: Mapping[bytes, bytes]) -> bool:
    """Whether there is just one Host line, as HTTP/1.1 wants it (RFC 9112, 3.2), and something in it (RFC 9110, 4.2.1).

    An empty one is what granian makes of none.
    """
    host = headers.get(b"host", b"")
    return host != b"" and b", " not in host
