"""What is the owner's, wherever it can be put into the request of somebody else: path, query, headers and body."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar.enums import ParamType
from litestar.params import ParameterKwarg

from tests.expected import IDS, ROUTES
from tests.expected.shapes import JSON
from tests.routes import NOBODY
from tests.security.attacks.cases import Case, Request, Target
from tests.security.attacks.stage import Cast

# Fields that say whose something is, when it was made or what somebody may do: no body has them, unless its line in
# `tests/expected` says so. What stands here is a value that would do harm, or the name of an id of the owner's.
FOREIGN: Final[dict[str, Any]] = {
    "id": NOBODY,
    "owner_id": "user_id",
    "user_id": "user_id",
    "session_id": "session_id",
    "created_at": "2000-01-01T00:00:00.000001Z",
    "updated_at": "2000-01-01T00:00:00.000001Z",
    "version": 1,
    "is_admin": True,
    "is_active": True,
    "email_verified_at": "2000-01-01T00:00:00.000001Z",
    "password_hash": "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
}
UNKNOWN_PARAMETERS: Final = ("owner_id", "user_id", "id")


def foreign(target: Target) -> Iterator[Case]:
    """Each of these that the route has a place for."""
    yield from _in_the_path(target)
    yield from _in_the_query(target)
    yield from _in_the_headers(target)
    if target.line.body is not None:
        yield from _in_the_body(target)


def _parameters(target: Target, kind: ParamType) -> dict[str, Any]:
    """The types of those parameters, by the names that a client uses."""
    found = {}
    for name, field in target.route.handler.parsed_fn_signature.parameters.items():
        marks = field.kwarg_definition
        if isinstance(marks, ParameterKwarg) and marks.param_type == kind and not field.is_di_field:
            kinds = field.inner_types if field.is_union else (field,)
            found[marks.name or name] = {one.annotation for one in kinds}
    return found


def _in_the_path(target: Target) -> Iterator[Case]:
    """An id that nothing has, and those of the owner's that are ids of something else."""
    if target.line.who == "anyone" or "{" not in target.route.path:
        return
    names = {name for name in IDS if f"{{{name}}}" in target.route.path}
    others = {name for path, line in ROUTES.items() if line.who != "anyone" for name in IDS if f"{{{name}}}" in path}
    for wrong in sorted(others - names):

        async def named(cast: Cast, request: Request, wrong: str = wrong) -> None:
            given = dict.fromkeys(names, cast.ids["owner"][wrong])
            request["path"] = target.route.path.format(**given)

        yield Case(target, f"for the owner's {wrong}", target.guest, 404, prepared=named)

    async def nobodys(_: Cast, request: Request) -> None:
        request["path"] = target.route.path.format(**dict.fromkeys(names, NOBODY))

    yield Case(target, "for what there is not", target.guest, 404, prepared=nobodys)
    if target.is_for_admins:
        yield Case(target, "for what there is not", "other", 403, prepared=nobodys)


def _in_the_query(target: Target) -> Iterator[Case]:
    for name in UNKNOWN_PARAMETERS:
        prepared = partial(_with_query, name, "user_id")
        yield Case(target, f"{name} in the query", target.guest, 422, target.guest, prepared, field=name)
    if target.line.who != "user":
        return
    success = target.route.handler.status_code
    for name, kinds in _parameters(target, ParamType.QUERY).items():
        if name == "cursor":
            yield Case(target, "the owner's cursor", "other", success, "other", _with_cursor)
        elif kinds & {str, UUID}:
            for of in IDS if UUID in kinds else ("email", *IDS):
                yield Case(
                    target, f"the owner's {of} in {name}", "other", success, "other", partial(_with_query, name, of)
                )


async def _with_query(name: str, of: str, cast: Cast, request: Request) -> None:
    value = cast.owner.email if of == "email" else cast.ids["owner"][of]
    request["params"] = {name: value}


async def _with_cursor(cast: Cast, request: Request) -> None:
    """The cursor that the owner got to the page after his first row."""
    owner = {"headers": {**cast.owner}}
    line = ROUTES[f"POST {request['path']}"]
    for _ in range(2):
        await cast.client.post(request["path"], json=line.body_for(cast.owner), **owner)
    page = (await cast.client.get(request["path"], params={"limit": 1}, **owner)).json()
    assert page["next_cursor"], "there is no second page to attack"
    request["params"] = {"cursor": page["next_cursor"]}


def _in_the_headers(target: Target) -> Iterator[Case]:
    """A key under which the owner has done something, and the tags of what is his."""
    headers = _parameters(target, ParamType.HEADER)
    if 304 in (target.route.handler.responses or {}):
        headers["If-None-Match"] = {str}
    for name in headers:
        if name == "Idempotency-Key":
            success = target.route.handler.status_code
            yield Case(target, "the owner's Idempotency-Key", "other", success, "other", partial(_with_key, target))
        if "{" in target.route.path and target.line.who == "user":
            for tag in ("*", "the owner's"):
                yield Case(target, f"{tag} in {name}", "other", 404, prepared=partial(_with_tag, name, tag))


async def _with_key(target: Target, cast: Cast, request: Request) -> None:
    key = {"Idempotency-Key": "the owner's"}
    owners = target.request(cast.owner, cast.ids["owner"])
    owners["headers"] |= key
    answer = await cast.client.request(owners.pop("method"), owners.pop("path"), **owners)
    assert answer.is_success, answer.text
    request["headers"] |= key


async def _with_tag(name: str, tag: str, cast: Cast, request: Request) -> None:
    if tag != "*":
        tag = (await cast.client.get(request["path"], headers={**cast.owner})).headers["etag"]
    request["headers"] |= {name: tag}


def _in_the_body(target: Target) -> Iterator[Case]:
    for field, value in FOREIGN.items():
        if field not in target.line.takes:
            prepared = partial(_with_field, target, field, value)
            yield Case(target, f"{field} in the body", target.guest, 422, target.guest, prepared, field=field)
    for of in sorted(IDS.keys() & _body_fields(target) - FOREIGN.keys() - target.line.takes):
        # What a foreign key with the owner in it answers by itself.
        status, prepared = target.line.answers.get(of, 409), partial(_with_field, target, of, of)
        yield Case(target, f"the owner's {of} in the body", target.guest, status, target.guest, prepared)
    if target.is_for_admins:
        yield Case(target, "with nonsense", "other", 403, prepared=partial(_with_field, target, "nonsense", 1))


def _body_fields(target: Target) -> set[str]:
    """By their names in JSON; of each row, where there are several."""
    data = target.route.handler.parsed_data_field
    kinds = (data.annotation, *(one.annotation for one in data.inner_types)) if data else ()
    return {name for kind in kinds for name in getattr(kind, "__struct_encode_fields__", ())}


async def _with_field(target: Target, field: str, value: Any, cast: Cast, request: Request) -> None:
    """In one that is otherwise as it should be; of several, in the last."""
    body = msgspec.json.decode(request["content"])
    (body[-1] if isinstance(body, list) else body)[field] = cast.ids["owner"].get(value, value)
    request["content"] = msgspec.json.encode(body)
    assert target.line.media == JSON or b"\n" not in request["content"]
