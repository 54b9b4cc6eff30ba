"""What a client would rather have: the weights of Accept and of Accept-Encoding."""

import re
from typing import Final

_WEIGHT: Final = re.compile(r"0(\.\d*)?|1(\.0*)?")


def weights_of(header: str) -> dict[str, float]:
    """What a header such as Accept lists, with the weights (RFC 9110, 12.4.2). One that is no weight is 0."""
    found = {}
    for part in header.split(","):
        name, *parameters = (one.strip().lower() for one in part.split(";"))
        weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        found[name] = float(weight) if _WEIGHT.fullmatch(weight) else 0.0
    return found
