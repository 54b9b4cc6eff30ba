"""The order: 404/405, 401, 413/415/406, 403, 400/422, the rest. Each request breaks two rules or more."""

import httpx
import pytest

from tests.api.shapes import bad_fields, refused
from tests.people import Person
from tests.routes import NOBODY

JSON = {"content-type": "application/json"}
LIMIT = 1024 * 1024
TOO_LARGE = {"content-length": str(LIMIT + 1)}
NO_JSON = {"content-type": "text/plain"}
NO_ANSWER = {"accept": "text/html"}


async def test_404_and_405_come_before_401_and_everything_after_it(client: httpx.AsyncClient, someone: Person) -> None:
    wrong = TOO_LARGE | NO_JSON | NO_ANSWER
    for person in ({}, {"authorization": "Bearer nonsense"}, someone):
        for path in ("/nowhere", "/v1/items/7", "/v1/users/me/sessions", "/v1", "/"):
            refused(await client.get(f"{path}?limit=0", headers=person | wrong), 404, "not_found")
        refused(await client.put("/v1/items", headers=person | wrong, content=b"{"), 405, "method_not_allowed")
        refused(await client.post("/v1/users/me?x=1", headers=person | wrong), 405, "method_not_allowed")


@pytest.mark.checklist(65)
async def test_401_comes_before_413_415_and_406(client: httpx.AsyncClient) -> None:
    for wrong in (TOO_LARGE | JSON, NO_JSON, JSON | NO_ANSWER, TOO_LARGE | NO_JSON | NO_ANSWER, JSON):
        answer = await client.post("/v1/items?x=1", content=b"{", headers=wrong)
        refused(answer, 401, "not_authenticated")
        answer = await client.post("/v1/items?x=1", content=b"{", headers=wrong | {"authorization": "Bearer x"})
        refused(answer, 401, "invalid_token")


@pytest.mark.parametrize("path", [f"/v1/users/{NOBODY}", f"/v1/users/{NOBODY}?x=1"])
async def test_413_415_and_406_come_before_403(client: httpx.AsyncClient, someone: Person, path: str) -> None:
    answer = await client.patch(path, content=b"{", headers=someone | NO_JSON)
    refused(answer, 415, "unsupported_media_type")
    answer = await client.patch(path, content=b"{", headers=someone | JSON | NO_ANSWER)
    refused(answer, 406, "not_acceptable")
    answer = await client.patch(path, content=b"{", headers=someone | JSON | TOO_LARGE)
    refused(answer, 413, "body_too_large")
    answer = await client.get("/v1/users?limit=0", headers=someone | NO_ANSWER)
    refused(answer, 406, "not_acceptable")


async def test_413_415_and_406_come_before_400_and_422(client: httpx.AsyncClient) -> None:
    for path in ("/v1/login", "/v1/users", "/v1/login/refresh", "/v1/users?x=1"):
        for content in (b"{", b"{}", b""):
            answer = await client.post(path, content=content, headers=NO_JSON)
            refused(answer, 415, "unsupported_media_type")
            answer = await client.post(path, content=content, headers=JSON | NO_ANSWER)
            refused(answer, 406, "not_acceptable")
            answer = await client.post(path, content=content, headers=JSON | TOO_LARGE)
            refused(answer, 413, "body_too_large")


async def test_403_comes_before_400_422_and_404(client: httpx.AsyncClient, someone: Person) -> None:
    for content in (b"{", b"", b'{"rank":1}', b"{}"):
        answer = await client.patch(f"/v1/users/{NOBODY}", content=content, headers=someone | JSON)
        refused(answer, 403, "not_admin")
    for query in ("limit=0", "colour=red", "cursor=junk", "limit=1&limit=1"):
        refused(await client.get(f"/v1/users?{query}", headers=someone), 403, "not_admin")


async def test_400_and_422_come_before_the_rest(client: httpx.AsyncClient, someone: Person) -> None:
    path = f"/v1/items/{NOBODY}"
    refused(await client.patch(path, content=b"{", headers=someone | JSON), 400, "malformed_json")
    assert bad_fields(await client.patch(path, json={"title": ""}, headers=someone)) == {"/title": "out_of_range"}
    assert bad_fields(await client.delete(f"{path}?x=1", headers=someone)) == {"x": "unknown_parameter"}
    taken = {"email": someone.email, "password": "short"}
    assert bad_fields(await client.post("/v1/users", json=taken)) == {"/password": "too_short"}
