"""The second reading of a body that does not fit, to name every bad field: msgspec stops at the first one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from backend.contracts.passwords import weaknesses
from backend.contracts.text import NewPassword
from backend.errors import FieldError, ValidationFailed

# More than an answer has room for (see `backend.faults`).
_MOST_ERRORS: Final = 100

# So many are made of JSON in some 50 ms.
_MOST_VALUES: Final = 50_000

_untyped: Final = msgspec.json.Decoder()
_syntax: Final = msgspec.json.Decoder(msgspec.Raw)
_whole: Final = msgspec.msgpack.Decoder(msgspec.Raw)
_parts: Final = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])


class _Form(NamedTuple):
    """How a part of a body is read as a type, as an object, and as an array within bounds; None where it is none."""

    read: Callable[[Any, Any], Any]
    members: Callable[[Any], Mapping[str, Any] | None]
    elements: Callable[[Any, Sequence[Any]], Sequence[Any] | None]


def refuse_masses(raw: bytes, first: msgspec.ValidationError) -> None:
    """Raises ValidationFailed with the `first` error alone for JSON of very many values: to make them all would hold up
    the event loop. Raises what msgspec does when it is no JSON.
    """
    if raw.count(b",") > _MOST_VALUES:
        raw.decode()
        _syntax.decode(raw)
        raise ValidationFailed(errors=[_error("", str(first))])


def read_json_again(raw: bytes, shape: Any, password_min_length: int) -> Any:
    """The Struct after all, if a field was given twice and only at last as it should be. Raises ValidationFailed, and
    what msgspec raises when it is no JSON.
    """
    return _read_again(_untyped.decode(raw), shape, _JSON, password_min_length)


def read_msgpack_again(raw: bytes, shape: Any, password_min_length: int) -> Any:
    """As `read_json_again`. Nothing is read without a type: a key of a map can be an array there, and one that holds
    lists cannot be hashed, while those that hold numbers can be chosen so that they all have the same hash.
    """
    return _read_again(_whole.decode(raw), shape, _MSGPACK, password_min_length)


def bad_fields(value: Any, shape: Any, pointer: str) -> list[FieldError]:
    """What is wrong with a value that was decoded from JSON without a shape; pointers (RFC 6901) begin with `pointer`.

    It may be nothing: of a field that is given twice there is only the last.
    """
    return list(_errors_in(value, shape, _JSON, pointer, 0))


def bounded(kind: Any, bounds: Sequence[Any]) -> Any:
    """The type with its bounds marked on it."""
    return Annotated[kind, *bounds] if bounds else kind


def _read_again(value: Any, shape: Any, form: _Form, password_min_length: int) -> Any:
    """As a whole, and if that fails field by field."""
    try:
        return form.read(value, shape)
    except msgspec.ValidationError as error:
        errors = list(islice(_errors_in(value, shape, form, "", password_min_length), _MOST_ERRORS))
        raise ValidationFailed(errors=errors or [_error("", str(error))]) from None


def _errors_in(value: Any, shape: Any, form: _Form, pointer: str, password_min_length: int) -> Iterator[FieldError]:
    """Every bad field of a Struct, and of each in a list of them; for anything else what msgspec says."""
    kind, *bounds = get_args(shape) if get_origin(shape) is Annotated else (shape,)
    if _is_struct(kind) and (members := form.members(value)) is not None:
        yield from _errors_of(members, kind, form, pointer, password_min_length)
    elif get_origin(kind) is list and (elements := form.elements(value, bounds)) is not None:
        for number, one in enumerate(elements):
            yield from _errors_in(one, get_args(kind)[0], form, f"{pointer}/{number}", password_min_length)
    elif error := _error_in(value, shape, form, pointer):
        yield error


def _errors_of(
    value: Mapping[str, Any], shape: type[Struct], form: _Form, pointer: str, password_min_length: int
) -> Iterator[FieldError]:
    known = {field.encode_name: field for field in fields(shape)}
    for name, field in known.items():
        at = pointer + _pointer(name)
        if name not in value:
            if _required(field):
                yield FieldError(code="missing", message="This field is required.", pointer=at)
        elif error := _error_in(value[name], field.type, form, at):
            yield error
        elif field.type == NewPassword:
            about = _texts(value, form, "email", "full_name")
            yield from weaknesses(form.read(value[name], str), at, password_min_length, **about)
    for name in value:
        if name not in known:
            yield FieldError(code="unknown_field", message="There is no such field.", pointer=pointer + _pointer(name))


def _error_in(value: Any, kind: Any, form: _Form, pointer: str) -> FieldError | None:
    try:
        form.read(value, kind)
    except msgspec.ValidationError as error:
        return _error(pointer, str(error))
    return None


def _texts(value: Mapping[str, Any], form: _Form, *names: str) -> dict[str, str]:
    found = {}
    for name in names:
        with suppress(KeyError, msgspec.ValidationError):
            found[name] = form.read(value[name], str)
    return found


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _required(field: FieldInfo) -> bool:
    return field.default is NODEFAULT and field.default_factory is NODEFAULT


def _error(pointer: str, text: str) -> FieldError:
    """msgspec says "Expected `str`, got `int` - at `$.path`"; the path becomes part of the pointer."""
    message, _, path = text.partition(" - at `$")
    code = "out_of_range" if ("length" in message or ">=" in message or "<=" in message) else "invalid"
    if "matching regex" in message:
        message = "Has characters that are not allowed here, or is not of the expected form."
    steps = path.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
    return FieldError(code=code, message=message, pointer=pointer + steps)


def _pointer(name: str) -> str:
    """RFC 6901: ~ and / are escaped. An unknown name comes from outside, so it is capped."""
    return "/" + name[:100].replace("~", "~0").replace("/", "~1")


def _members(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _elements(value: Any, bounds: Sequence[Any]) -> Sequence[Any] | None:
    with suppress(msgspec.ValidationError):
        return msgspec.convert(value, bounded(list[Any], bounds))  # type: ignore[no-any-return]  # A list, by its type.
    return None


def _unpack(part: msgspec.Raw, kind: Any) -> Any:
    return msgspec.msgpack.decode(_once(part, kind), type=kind)


def _once(part: msgspec.Raw, kind: Any) -> msgspec.Raw:
    """With each field of a Struct, and of each in a list of them, but once: read part by part the last one is left."""
    bare, *bounds = get_args(kind) if get_origin(kind) is Annotated else (kind,)
    parts: Any
    if _is_struct(bare):
        parts = _parts.decode(part)
    elif get_origin(bare) is list and _is_struct(get_args(bare)[0]):
        elements = msgspec.msgpack.decode(part, type=bounded(list[msgspec.Raw], bounds))
        parts = [_once(one, get_args(bare)[0]) for one in elements]
    else:
        return part
    return msgspec.Raw(msgspec.msgpack.encode(parts))


def _packed_members(part: msgspec.Raw) -> Mapping[str, Any] | None:
    with suppress(msgspec.ValidationError):
        return _parts.decode(part)
    return None


def _packed_elements(part: msgspec.Raw, bounds: Sequence[Any]) -> Sequence[Any] | None:
    with suppress(msgspec.ValidationError):
        return msgspec.msgpack.decode(part, type=bounded(list[msgspec.Raw], bounds))  # type: ignore[no-any-return]  # As above.
    return None


_JSON: Final = _Form(msgspec.convert, _members, _elements)
_MSGPACK: Final = _Form(_unpack, _packed_members, _packed_elements)
