"""The page at /docs shows the document without any other host, and only where it is wanted."""

import re
from collections.abc import Callable
from typing import Final

import httpx
import pytest

from backend.app import create_app
from backend.security.keyring import new_signing_key
from backend.security.secret_keys import new_secret_key
from backend.settings import Settings
from tests.conftest import client_of
from tests.routes import routes_of

DOCUMENTATION: Final = ("/docs", "/openapi.json")


async def test_the_page_names_no_other_host_and_could_not_reach_one(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"].partition(";")[0] == "text/html"
    assert "//" not in page.text
    assert "<script>" not in page.text
    policy = dict(one.strip().split(" ", 1) for one in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    sources = {source for value in policy.values() for source in value.split()}
    assert sources == {"'none'", "'self'", "data:"}
    assert [name for name, value in policy.items() if "data:" in value] == ["img-src"]


async def test_everything_that_the_page_loads_is_here_and_can_be_kept(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    loaded = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    kinds = {path.rpartition("/")[2]: "text/css" if path.endswith(".css") else "text/javascript" for path in loaded}
    assert kinds.keys() == {"swagger-ui.css", "swagger-ui-bundle.js", "start.js"}
    for path in loaded:
        asset = await client.get(path)
        assert asset.status_code == 200
        assert asset.headers["content-type"].partition(";")[0] == kinds[path.rpartition("/")[2]]
        assert "immutable" in asset.headers["cache-control"]
    assert "@import" not in (await client.get(loaded[0])).text


async def test_the_page_keeps_no_token_and_sends_the_document_nowhere(client: httpx.AsyncClient) -> None:
    (path,) = re.findall(r'"(/[^"]+/start\.js)"', (await client.get("/docs")).text)
    script = (await client.get(path)).text
    assert "persistAuthorization: false" in script
    assert "validatorUrl: null" in script
    assert 'url: "/openapi.json"' in script


@pytest.mark.parametrize("name", ["README.md", "nothing.js", "../start.js", "..%2f..%2fdocument.py", "%2e%2e/x", ""])
async def test_nothing_but_the_files_of_the_page_is_served_below_it(client: httpx.AsyncClient, name: str) -> None:
    (folder,) = set(re.findall(r'"(/docs/[0-9a-f]+/)', (await client.get("/docs")).text))
    assert (await client.get(folder + name)).status_code == 404


@pytest.mark.checklist(71)
async def test_in_production_there_is_no_documentation_page(settings_with: Callable[..., Settings]) -> None:
    keys = {"SECRET_KEY": new_secret_key(), "JWT_SIGNING_KEY": new_signing_key(), "EMAIL_VERIFICATION": "off"}
    settings = settings_with(ENVIRONMENT="production", **keys)
    app = create_app(settings)
    assert not [route.name for route in routes_of(app) if route.path.startswith(DOCUMENTATION)]
    async with client_of(app, settings) as client:
        for path in DOCUMENTATION:
            assert (await client.get(path)).json()["code"] == "not_found"
        assert (await client.get("/problems/not_found")).status_code == 200
