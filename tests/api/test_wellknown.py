"""The public keys, with which anybody verifies an access token."""

import json

import httpx
import jwt

from backend.settings import Settings
from tests.people import Person


async def test_the_keys_are_public_and_hold_nothing_private(client: httpx.AsyncClient) -> None:
    answer = await client.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["keys"]
    for key in answer.json()["keys"]:
        assert key.keys() == {"kty", "crv", "x", "kid", "use", "alg"}
        assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")


async def test_they_verify_what_a_log_in_gave(client: httpx.AsyncClient, settings: Settings, ada: Person) -> None:
    token = ada.tokens["access_token"]
    keys = {key["kid"]: key for key in (await client.get("/.well-known/jwks.json")).json()["keys"]}
    key = jwt.PyJWK.from_json(json.dumps(keys[jwt.get_unverified_header(token)["kid"]]))
    claims = jwt.decode(token, key, ["EdDSA"], audience=settings.jwt_audience, issuer=settings.jwt_issuer)
    assert claims["sub"] == ada.id
