"""The check that all tests of the API carry with them does notice what is not documented."""

from typing import Final

import httpx
import pytest
from msgspec import Struct

from tests.documented import assert_documented, template_of, whole_document

PROBLEM: Final = "application/problem+json"


class Seeded(Struct):
    """An answer that the document does not have."""

    template: str
    status: int
    body: dict[str, str] | None = None
    headers: dict[str, str] = {}


ID: Final = {"x-request-id": "0b5c9a52-3f0e-4d0f-8a3c-6d2f1b7e9c11", "vary": "Accept, Accept-Encoding"}
AS_PROBLEM: Final = ID | {"content-type": PROBLEM}


@pytest.mark.parametrize(
    "answer",
    [
        Seeded("/health/live", 418, {}, ID),
        Seeded("/health/live", 200, {}, ID | {"content-type": "text/plain"}),
        Seeded("/problems", 200, {}, ID | {"content-type": "application/vnd.msgpack"}),
        Seeded("/health/live", 200, {}),
        Seeded("/health/live", 200, {}, ID | {"location": "/"}),
        Seeded("/health/live", 500, {"code": "overloaded"}, AS_PROBLEM),
        Seeded("/health/ready", 503, {"code": "unready"}, ID),
        Seeded("/v1/sessions/{session_id}", 409, {"code": "conflict"}, AS_PROBLEM),
    ],
)
async def test_an_answer_that_is_not_documented_is_noticed(answer: Seeded) -> None:
    response = httpx.Response(answer.status, json=answer.body, headers=answer.headers)
    with pytest.raises(AssertionError):
        assert_documented(whole_document(), "GET", answer.template, response)


async def test_an_answer_that_is_documented_passes() -> None:
    for media_type in ("application/json", "application/vnd.msgpack"):
        response = httpx.Response(200, content=b"", headers=ID | {"content-type": media_type})
        assert_documented(whole_document(), "GET", "/health/live", response)


async def test_an_address_belongs_to_the_route_that_answers_it() -> None:
    assert template_of(whole_document(), "/v1/users/me") == "/v1/users/me"
    assert template_of(whole_document(), "/v1/users/") == "/v1/users"
    assert template_of(whole_document(), "/v1/users/other/sessions") == "/v1/users/{user_id}/sessions"
    assert template_of(whole_document(), "/v1/nothing") is None
