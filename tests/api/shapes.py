"""What answers look like, to the letter: looked at in one place, for every test of the API."""

import re
from typing import Any
from uuid import UUID

import httpx

USER = ["id", "email", "full_name", "is_active", "is_admin", "email_verified_at", "created_at", "updated_at"]
TOKENS = ["access_token", "token_type", "expires_in", "refresh_token"]
SESSION = [
    "id",
    "device_name",
    "user_agent",
    "ip_address",
    "created_at",
    "last_used_at",
    "is_current",
    "is_new_device",
]
ITEM = ["id", "owner_id", "title", "description", "created_at", "updated_at"]

PROBLEM = ["type", "title", "status", "detail", "instance", "code"]
CHALLENGES = {
    "not_authenticated": "Bearer",
    "invalid_token": 'Bearer error="invalid_token"',
    "invalid_credentials": "Bearer",
    "invalid_refresh_token": "Bearer",
}

COME_BACK = {"idempotency_key_in_use"}

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def is_time(text: str) -> bool:
    """RFC 3339, in UTC, with six digits and a Z."""
    return _TIME.fullmatch(text) is not None


def is_new_id(text: str) -> bool:
    """A UUID of version 7 in its canonical spelling."""
    return UUID(text).version == 7 and str(UUID(text)) == text


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of a refusal, once everything that holds for all of them has been found to hold (RFC 9457)."""
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert len(response.content) <= 8 * 1024
    problem: dict[str, Any] = response.json()
    assert list(problem) == PROBLEM + (["errors"] if "errors" in problem else [])
    assert (problem["type"], problem["status"]) == (f"/problems/{code}", status)
    assert problem["instance"] == f"urn:uuid:{response.headers['x-request-id']}"
    assert problem["title"]
    assert problem["detail"]
    assert response.headers.get("www-authenticate") == CHALLENGES.get(code)
    assert ("retry-after" in response.headers) == (status in (429, 503) or code in COME_BACK)
    assert ("allow" in response.headers) == (status == 405)
    for error in problem.get("errors", []):
        assert list(error)[:2] == ["code", "message"]
        assert list(error)[2:] in (["pointer"], ["parameter"])
        assert error["message"]
    return problem


def bad_fields(response: httpx.Response) -> dict[str, str]:
    """What a 422 names, pointers and parameters alike, and the code of each."""
    errors = refused(response, 422, "validation_failed")["errors"]
    named = {error.get("pointer", error.get("parameter")): error["code"] for error in errors}
    assert len(named) == len(errors), "something is named twice"
    return named


def wait_of(response: httpx.Response) -> int:
    """The seconds after which a throttled attempt may be repeated."""
    refused(response, 429, "too_many_attempts")
    seconds = int(response.headers["retry-after"])
    assert seconds > 0
    return seconds
