"""What a client of the API does all day. Later issues add theirs."""

import random
from collections.abc import Callable
from typing import Any

from tests.load.clients import Client, known
from tests.load.limits import FOREIGN

type Chore = Callable[[Client], None]


class WrongWalk(Exception):
    """Each page was right, and all of them together are not."""


def log_in(client: Client) -> None:
    client.log_out()
    client.log_in()


def refresh(client: Client) -> None:
    client.refresh()


def read_me(client: Client) -> None:
    client.ask("GET", "/v1/users/me", check=lambda me: "" if me["id"] == client.id else FOREIGN)


def read_one(client: Client) -> None:
    wanted = random.choice(list(client.items))

    def check(item: Any) -> str:
        return client.fault_of([item]) or ("" if item["id"] == wanted else "another item")

    client.ask("GET", "/v1/items/{id}", path=f"/v1/items/{wanted}", check=check)


def read_a_foreign_one(client: Client) -> None:
    """Of somebody else, once there is somebody else."""
    if foreign := [item for owner, item in known.items() if owner != client.id]:
        client.ask("GET", "/v1/items/{id}", 404, path=f"/v1/items/{random.choice(foreign)}")


def page_through(client: Client) -> None:
    """What existed when the walk began and still exists is seen once; nobody else writes to this account."""
    seen = [item["id"] for item in client.walk()]
    if sorted(seen) != sorted(client.items):
        raise WrongWalk(
            f"a walk has shown {len(seen)} items, {len(set(seen))} of them different, of {len(client.items)}"
        )


def write(client: Client) -> None:
    """An item comes, is changed, and goes."""
    added = client.add()
    path = f"/v1/items/{added}"
    client.ask("PATCH", "/v1/items/{id}", path=path, json={"title": "Done"}, check=lambda item: client.fault_of([item]))
    client.ask("DELETE", "/v1/items/{id}", 204, path=path)
    client.items.discard(added)
