"""Names every bad field of a body that breaks its contract: msgspec itself stops at the first."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from backend.contracts.passwords import weaknesses
from backend.contracts.text import NewPassword
from backend.errors import FieldError

# More than an answer has room for (see `backend.faults`).
_MOST: Final = 100


def bad_fields(value: Any, shape: Any, pointer: str, password_min_length: int = 0) -> list[FieldError]:
    """What is wrong with `value`, the first hundred; pointers are JSON Pointers (RFC 6901) that begin with `pointer`.

    It may be nothing: of a field that is given twice `value` has only the last.
    """
    return list(islice(_errors_in(value, shape, pointer, password_min_length), _MOST))


def bounded(kind: Any, bounds: Sequence[Any]) -> Any:
    """The type with its bounds marked on it."""
    return Annotated[kind, *bounds] if bounds else kind


def _errors_in(value: Any, shape: Any, pointer: str, password_min_length: int) -> Iterator[FieldError]:
    """Every bad field of a Struct, and of each in a list of them; for anything else what msgspec says."""
    kind, *bounds = get_args(shape) if get_origin(shape) is Annotated else (shape,)
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Struct):
        yield from _errors_of(value, kind, pointer, password_min_length)
    elif isinstance(value, list) and get_origin(kind) is list and not _error_in(value, bounded(list[Any], bounds), ""):
        for number, one in enumerate(value):
            yield from _errors_in(one, get_args(kind)[0], f"{pointer}/{number}", password_min_length)
    elif error := _error_in(value, shape, pointer):
        yield error


def _errors_of(
    value: dict[str, Any], shape: type[Struct], pointer: str, password_min_length: int
) -> Iterator[FieldError]:
    known = {field.encode_name: field for field in fields(shape)}
    for name, field in known.items():
        at = pointer + _pointer(name)
        if name not in value:
            if _required(field):
                yield FieldError(code="missing", message="This field is required.", pointer=at)
        elif error := _error_in(value[name], field.type, at):
            yield error
        elif field.type == NewPassword:
            about = {key: text for key in ("email", "full_name") if isinstance(text := value.get(key), str)}
            yield from weaknesses(value[name], at, password_min_length, **about)
    for name in value:
        if name not in known:
            yield FieldError(code="unknown_field", message="There is no such field.", pointer=pointer + _pointer(name))


def _error_in(value: Any, kind: Any, pointer: str) -> FieldError | None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return error_of(pointer, str(error))
    return None


def _required(field: FieldInfo) -> bool:
    return field.default is NODEFAULT and field.default_factory is NODEFAULT


def error_of(pointer: str, text: str) -> FieldError:
    """msgspec says "Expected `str`, got `int` - at `$.path`"; the path becomes part of the pointer."""
    message, _, path = text.partition(" - at `$")
    code = "out_of_range" if ("length" in message or ">=" in message or "<=" in message) else "invalid"
    if "matching regex" in message:
        message = "Has characters that are not allowed here, or is not of the expected form."
    return FieldError(code=code, message=message, pointer=pointer + path.rstrip("`").replace(".", "/"))


def _pointer(name: str) -> str:
    """RFC 6901: ~ and / are escaped. An unknown name comes from outside, so it is capped."""
    return "/" + name[:100].replace("~", "~0").replace("/", "~1")
