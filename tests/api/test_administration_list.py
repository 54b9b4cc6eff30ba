"""The list of accounts, for administrators: in pages, or by address."""

from urllib.parse import quote
from uuid import UUID

import httpx
import pytest

from backend.contracts.pages import encode_cursor
from tests.api.shapes import USER, bad_fields, refused
from tests.database import Connection
from tests.people import Person


async def test_accounts_are_listed_newest_first_in_pages(
    client: httpx.AsyncClient, superuser: Connection, admin: Person
) -> None:
    people = [await new_account(superuser) for _ in range(5)]
    first = await client.get("/v1/users?limit=3", headers=admin)
    assert [list(user) for user in first.json()["items"]] == [USER] * 3
    assert [user["id"] for user in first.json()["items"]] == people[:1:-1]
    assert list(first.json()) == ["items", "next_cursor"]
    assert first.headers["link"] == f'</v1/users?limit=3&cursor={first.json()["next_cursor"]}>; rel="next"'
    second = await client.get(first.links["next"]["url"], headers=admin)
    assert [user["id"] for user in second.json()["items"]] == [*people[1::-1], admin.id]


async def new_account(superuser: Connection) -> str:
    """An account without a password, which costs no hash."""
    added = await superuser.execute(
        "INSERT INTO users (email) VALUES (gen_random_uuid() || '@example.com') RETURNING id"
    )
    row = await added.fetchone()
    assert row
    return str(row[0])


async def test_a_walk_sees_each_account_that_stays_exactly_once(
    client: httpx.AsyncClient, superuser: Connection, admin: Person
) -> None:
    staying = [await new_account(superuser) for _ in range(30)]
    path: str | None = "/v1/users?limit=7"
    seen: list[str] = []
    while path and admin.id not in seen:  # Before him there may be any number of others.
        page = await client.get(path, headers=admin)
        seen += [user["id"] for user in page.json()["items"]]
        path = page.links["next"]["url"] if "next" in page.links else None
        # Between pages: one comes, and one that was seen and stands where the cursor points goes.
        await new_account(superuser)
        if seen[-1] in staying:
            await superuser.execute("DELETE FROM users WHERE id = %s", (seen[-1],))
    assert [user_id for user_id in seen if user_id in staying] == staying[::-1]
    assert len(seen) == len(set(seen))


async def test_an_account_is_found_by_its_exact_address(client: httpx.AsyncClient, admin: Person, ada: Person) -> None:
    async def found(email: str) -> object:
        answer = await client.get("/v1/users", params={"email": email}, headers=admin)
        assert (answer.status_code, answer.json()["next_cursor"]) == (200, None)
        assert "link" not in answer.headers
        return [user["id"] for user in answer.json()["items"]]

    assert await found(ada.email) == await found(ada.email.upper()) == [ada.id]
    for other in (ada.email[1:], ada.email[:-1], "%", f"{ada.email} ", "", "\N{SNOWMAN}", "x' OR 'x' = 'x"):
        assert await found(other) == []


async def test_a_list_names_every_parameter_that_is_not_as_it_should_be(
    client: httpx.AsyncClient, admin: Person
) -> None:
    answer = await client.get("/v1/users", params={"limit": "0", "email": "x" * 255}, headers=admin)
    assert list(bad_fields(answer)) == ["limit", "email"]
    assert list(bad_fields(await client.get("/v1/users?email=a%00b", headers=admin))) == ["email"]
    answer = await client.get("/v1/users?limit=101&email=a&email=b&sort=id", headers=admin)
    assert bad_fields(answer).keys() == {"sort", "email", "limit"}


@pytest.mark.checklist(56)
async def test_a_cursor_of_another_list_or_filter_is_refused(client: httpx.AsyncClient, admin: Person) -> None:
    of_users = encode_cursor(UUID(int=2**127), "/v1/users?")
    of_items = encode_cursor(UUID(int=2**127), "/v1/items?")
    of_email = encode_cursor(UUID(int=2**127), f"/v1/users?email={quote('a@example.com')}")
    assert (await client.get("/v1/users", params={"cursor": of_users}, headers=admin)).status_code == 200
    for parameters in (
        {"cursor": of_items},
        {"cursor": of_email},
        {"cursor": "junk"},
        {"cursor": of_users, "email": "a@example.com"},
        {"cursor": of_email, "email": "b@example.com"},
    ):
        answer = await client.get("/v1/users", params=parameters, headers=admin)
        refused(answer, 400, "invalid_cursor")
