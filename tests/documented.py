"""Holds every answer that a test sees against the OpenAPI document: what is not documented for its route is a fault."""

import re
from functools import cache
from typing import Any, Final, NamedTuple

import httpx
from litestar import Router

from backend.app import api
from backend.documentation.document import document
from backend.faults import MEDIA_TYPE

# Documented headers that are not in every answer of their status.
_SOMETIMES: Final = frozenset({"idempotent-replayed", "link"})
# Headers that mean something to a client. If an answer has one, its route has to say so.
_PROMISED: Final = frozenset(
    {"allow", "etag", "idempotent-replayed", "link", "location", "retry-after", "www-authenticate"}
)


class Reached(NamedTuple):
    """An answer that some test has seen. `code` is that of its problem, and "" where it is none."""

    method: str
    template: str
    status: int
    code: str = ""


# All of this process.
REACHED: Final[set[Reached]] = set()


@cache
def whole_document() -> dict[str, Any]:
    """The document, as `backend openapi` writes it."""
    return document(Router("/", route_handlers=api()).routes)


async def check_documented(response: httpx.Response) -> None:
    """A response hook for httpx: `event_hooks={"response": [check_documented]}`."""
    await response.aread()
    template = template_of(whole_document(), response.request.url.path)
    if template and response.request.method != "OPTIONS":
        assert_documented(whole_document(), response.request.method, template, response)
        REACHED.add(Reached(response.request.method, template, response.status_code, _code_of(response)))


def _code_of(response: httpx.Response) -> str:
    is_problem = response.headers.get("content-type") == MEDIA_TYPE and response.content
    return str(response.json()["code"]) if is_problem else ""


def template_of(openapi: dict[str, Any], path: str) -> str | None:
    """The path of the document that an address belongs to, one without parameters first. None: there is no such one."""
    path = path.rstrip("/") or "/"
    found = [one for one in sorted(openapi["paths"]) if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), path)]
    return path if path in found else next(iter(found), None)


def assert_documented(openapi: dict[str, Any], method: str, template: str, response: httpx.Response) -> None:
    """Fails when the status, media type, problem code or a header of an answer is not documented for its route.

    HEAD is documented by its GET, and a method that an address does not have by the introduction.
    """
    where = f"{method} {template}: {response.status_code}"
    operation = openapi["paths"][template].get("get" if method == "HEAD" else method.lower())
    if operation is None:
        assert response.status_code in (404, 405), where
        return
    answer = operation["responses"].get(str(response.status_code))
    assert answer, f"{where} is not documented: {response.text}"
    _assert_headers(where, answer, response.headers)
    content = answer.get("content", {})
    media_type = response.headers.get("content-type", "").partition(";")[0]
    assert media_type in content or not (content or media_type), f"{where} as {media_type!r} is not documented"
    if media_type == MEDIA_TYPE and response.content:
        code = response.json()["code"]
        assert code in content[media_type]["examples"], f"{where} {code} is not documented"


def _assert_headers(where: str, answer: dict[str, Any], headers: httpx.Headers) -> None:
    said, given = {name.lower() for name in answer["headers"]}, set(headers)
    assert not (missing := said - given - _SOMETIMES), f"{where} lacks {missing}"
    assert not (unsaid := given & _PROMISED - said), f"{where} has {unsaid}, which is not documented"
