"""Every problem has a page that says what it means, and `type` leads to it."""

import httpx
import pytest

from backend.errors import Problem


@pytest.mark.parametrize("accept", ["text/html", "*/*", "text/*"])
async def test_every_problem_has_a_page(client: httpx.AsyncClient, accept: str) -> None:
    index = (await client.get("/problems", headers={"accept": accept})).text
    for code, kind in Problem.registry.items():
        page = await client.get(f"/problems/{code}", headers={"accept": accept})
        assert page.status_code == 200
        assert page.headers["content-type"].partition(";")[0] == "text/html"
        assert page.headers["content-security-policy"] == "default-src 'none'"
        assert f"<h1>{kind.title}</h1>" in page.text
        assert f"Status {kind.status_code}" in page.text
        assert (kind.__doc__ or "?").split()[0] in page.text
        assert "//" not in page.text
        assert len(page.content) < 1024
        assert f'"/problems/{code}"' in index


async def test_a_problem_that_there_is_not_has_no_page(client: httpx.AsyncClient) -> None:
    assert (await client.get("/problems/nothing")).json()["code"] == "not_found"
    assert (await client.get("/problems/%3Cscript%3E")).json()["code"] == "not_found"
    refused = await client.get("/problems/not_found", headers={"accept": "application/json"})
    assert refused.json()["code"] == "not_acceptable"
