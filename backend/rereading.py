"""The second reading of a body that does not fit, to name every bad field: msgspec stops at the first one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from backend.contracts.passwords import weaknesses
from backend.contracts.text import NewPassword
from backend.errors import FieldError, ValidationFailed

type Read = Callable[[Any, Any], Any]

_untyped: Final = msgspec.json.Decoder()
_whole: Final = msgspec.msgpack.Decoder(msgspec.Raw)
_parts: Final = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])


def read_json_again(raw: bytes, shape: Any, password_min_length: int) -> Any:
    """The Struct after all, if a field was given twice and only at last as it should be. Raises ValidationFailed, and
    what msgspec raises when it is no JSON.

    The body is read without a shape, and then converted: as a whole, and if that fails field by field.
    """
    value = _untyped.decode(raw)
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise _refusal(error, value, shape, msgspec.convert, password_min_length) from None


def read_msgpack_again(raw: bytes, shape: Any, password_min_length: int) -> Any:
    """As `read_json_again`. Nothing is read without a type: a key of a map can be an array there, and one that holds
    lists cannot be hashed, while those that hold numbers can be chosen so that they all have the same hash.
    """
    _whole.decode(raw)  # Skips to the end, so what is cut off further back is found.
    try:
        value = _parts.decode(raw)
    except msgspec.ValidationError as error:
        raise ValidationFailed(errors=[_error("", str(error))]) from None
    try:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=shape)
    except msgspec.ValidationError as error:
        raise _refusal(error, value, shape, _unpack, password_min_length) from None


def _unpack(part: msgspec.Raw, kind: Any) -> Any:
    return msgspec.msgpack.decode(part, type=kind)


def _refusal(
    error: msgspec.ValidationError, value: Any, shape: Any, read: Read, password_min_length: int
) -> ValidationFailed:
    if not isinstance(value, dict) or not (isinstance(shape, type) and issubclass(shape, Struct)):
        return ValidationFailed(errors=[_error("", str(error))])
    return ValidationFailed(errors=list(_errors_of(value, shape, read, password_min_length)))


def _errors_of(
    value: Mapping[str, Any], shape: type[Struct], read: Read, password_min_length: int
) -> Iterator[FieldError]:
    known = {field.encode_name: field for field in fields(shape)}
    for name, field in known.items():
        if name not in value:
            if _required(field):
                yield FieldError(code="missing", message="This field is required.", pointer=_pointer(name))
            continue
        try:
            given = read(value[name], field.type)
        except msgspec.ValidationError as error:
            yield _error(_pointer(name), str(error))
        else:
            if field.type == NewPassword:
                about = _texts(value, read, "email", "full_name")
                yield from weaknesses(given, _pointer(name), password_min_length, **about)
    for name in value:
        if name not in known:
            yield FieldError(code="unknown_field", message="There is no such field.", pointer=_pointer(name))


def _texts(value: Mapping[str, Any], read: Read, *names: str) -> dict[str, str]:
    found = {}
    for name in names:
        with suppress(KeyError, msgspec.ValidationError):
            found[name] = read(value[name], str)
    return found


def _required(field: FieldInfo) -> bool:
    return field.default is NODEFAULT and field.default_factory is NODEFAULT


def _error(pointer: str, text: str) -> FieldError:
    """msgspec says "Expected `str`, got `int` - at `$.path`"; the path becomes part of the pointer."""
    message, _, path = text.partition(" - at `$")
    code = "out_of_range" if ("length" in message or ">=" in message or "<=" in message) else "invalid"
    if "matching regex" in message:
        message = "Has characters that are not allowed here, or is not of the expected form."
    return FieldError(code=code, message=message, pointer=pointer + path.rstrip("`").replace(".", "/"))


def _pointer(name: str) -> str:
    """RFC 6901: ~ and / are escaped. An unknown name comes from outside, so it is capped."""
    return "/" + name[:100].replace("~", "~0").replace("/", "~1")
