"""What a password that is to be set has to be, and how its refusal is worded."""

from typing import Final

from backend.errors import FieldError
from backend.security.passwords import refuse_weak

_REASONS: Final = {
    "too_short": "Is too short.",
    "too_long": "Is longer than 1,024 bytes.",
    "common_password": "Is one of the commonest passwords.",
    "context_word": "Is made of your name, your address or the name of this service.",
}


def weaknesses(password: str, pointer: str, minimum: int, email: str = "", full_name: str = "") -> list[FieldError]:
    """Why it may not be set by whoever has this address and name; nothing when it may. `minimum` in characters."""
    context = [email, email.partition("@")[0], *full_name.split()]
    code = refuse_weak(password, min_length=minimum, context=context)
    if code is None:
        return []
    message = f"{_REASONS[code]} At least {minimum} characters." if code == "too_short" else _REASONS[code]
    return [FieldError(code=code, message=message, pointer=pointer)]
