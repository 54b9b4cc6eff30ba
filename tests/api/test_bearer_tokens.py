"""An access token in the header `Authorization: Bearer`, and nothing else, says who is asking."""

from base64 import b64encode

import httpx
import pytest

from tests.api.shapes import refused
from tests.people import Person

ME = "/v1/users/me"


async def test_the_scheme_is_read_in_any_case(client: httpx.AsyncClient, someone: Person) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"authorization": f"{scheme} {someone.tokens['access_token']}"}
        assert (await client.get(ME, headers=headers)).status_code == 200


async def test_more_than_one_space_may_follow_the_scheme(client: httpx.AsyncClient, someone: Person) -> None:
    headers = {"authorization": f"Bearer   {someone.tokens['access_token']}"}
    assert (await client.get(ME, headers=headers)).status_code == 200


@pytest.mark.checklist(65)
async def test_without_a_token_one_is_asked_for(client: httpx.AsyncClient) -> None:
    refused(await client.get(ME), 401, "not_authenticated")


@pytest.mark.checklist(27)
async def test_a_token_in_the_query_or_the_body_is_none(client: httpx.AsyncClient, someone: Person) -> None:
    token = someone.tokens["access_token"]
    for name in ("access_token", "token", "authorization"):
        refused(await client.get(ME, params={name: token}), 401, "not_authenticated")
        refused(await client.post("/v1/items", json={"title": "x", name: token}), 401, "not_authenticated")
        refused(await client.get(ME, headers={"cookie": f"{name}={token}"}), 401, "not_authenticated")


@pytest.mark.checklist(24, 27)
@pytest.mark.parametrize("scheme", ["Basic", "Token", "JWT", "Digest", "DPoP", ""])
async def test_another_scheme_is_refused(client: httpx.AsyncClient, someone: Person, scheme: str) -> None:
    token = someone.tokens["access_token"]
    for value in (f"{scheme} {token}", f"{scheme} {b64encode(token.encode()).decode()}"):
        refused(await client.get(ME, headers={"authorization": value}), 401, "invalid_token")


@pytest.mark.checklist(27)
async def test_two_headers_are_refused_even_when_they_agree(client: httpx.AsyncClient, someone: Person) -> None:
    value = someone["authorization"]
    for other in (value, "Basic YWRhOmxvdmVsYWNl", ""):
        for pair in ((value, other), (other, value)):
            headers = [("authorization", one) for one in pair]
            refused(await client.get(ME, headers=headers), 401, "invalid_token")
    refused(await client.get(ME, headers={"authorization": f"{value}, {value}"}), 401, "invalid_token")


@pytest.mark.checklist(24, 28)
async def test_what_is_no_access_token_is_refused(client: httpx.AsyncClient, someone: Person) -> None:
    token = someone.tokens["access_token"]
    header, payload, signature = token.split(".")
    for other in (
        someone.tokens["refresh_token"],
        someone.id,
        "",
        " ",
        f"\t{token}",
        f"{token} ",
        f"{token}.",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{header}.{signature}.{payload}",
        f"eyJhbGciOiJub25lIn0.{payload}.",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        "..",
        "a.b.c",
        "\xff.\xfe.\xfd",
        "x" * 9000,
        token + "x" * 9000,
    ):
        value = f"Bearer {other}".encode("latin-1")
        refused(await client.get(ME, headers=[(b"authorization", value)]), 401, "invalid_token")


async def test_routes_for_anyone_do_not_look_at_the_header(client: httpx.AsyncClient, someone: Person) -> None:
    for value in ("Bearer nonsense", "Basic YWRhOmxvdmVsYWNl", someone["authorization"]):
        assert (await client.get("/health/live", headers={"authorization": value})).status_code == 200
