"""What a client of the API does all day. Later issues add theirs."""

import random
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from tests.load.clients import Answer, Client, known
from tests.load.limits import FOREIGN

type Chore = Callable[[Client], None]

_BATCH: Final = 50
# What all titles of the stock say.
_WANTED: Final = "thing"


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


def read_again(client: Client) -> None:
    """Shown again only if it has changed since."""
    wanted = random.choice(list(client.items))
    tag = client.tags.get(wanted) or _look(client, wanted)

    def check(answer: Answer) -> str:
        if answer.status == 304:
            return "304 with another ETag" if answer.headers.get("ETag") != tag else ""
        sent_in_vain = "an item that has not changed" if answer.headers.get("ETag") == tag else ""
        return client.fault_of([answer.body]) or sent_in_vain

    condition = {"If-None-Match": tag}
    route, path = "/v1/items/{id} (If-None-Match)", f"/v1/items/{wanted}"
    answer = client.hear("GET", route, 200, 304, path=path, headers=condition, check=check)
    client.tags[wanted] = answer.headers["ETag"]


def _look(client: Client, wanted: str) -> str:
    """The ETag of an item, as it is now."""

    def check(answer: Answer) -> str:
        return client.fault_of([answer.body]) or ("" if answer.headers.get("ETag") else "no ETag")

    return client.hear("GET", "/v1/items/{id}", path=f"/v1/items/{wanted}", check=check).headers["ETag"]


def edit_what_was_seen(client: Client) -> None:
    """Done only in the state that was seen; whoever comes again with the tag of that state is late."""
    wanted = random.choice(list(client.items))
    tag = client.tags.pop(wanted, "") or _look(client, wanted)
    edited = _edit(client, wanted, tag, 200, 412)
    if edited.status == 200:
        client.tags[wanted] = edited.headers["ETag"]
        _edit(client, wanted, tag, 412)


def _edit(client: Client, wanted: str, tag: str, *expected: int) -> Answer:
    def check(answer: Answer) -> str:
        if answer.status == 412:
            return ""
        same = answer.headers.get("ETag") in {tag, None}
        return client.fault_of([answer.body]) or ("a change without a new ETag" if same else "")

    route, path = "/v1/items/{id} (If-Match)", f"/v1/items/{wanted}"
    news = {"description": f"Seen at {time.time():.6f}"}
    return client.hear("PATCH", route, *expected, path=path, json=news, headers={"If-Match": tag}, check=check)


def search(client: Client) -> None:
    client.ask("GET", "/v1/items (q)", path=f"/v1/items?q={_WANTED}", check=lambda page: _misfound(client, page))


def search_in_order(client: Client) -> None:
    def check(page: Any) -> str:
        titles = [item["title"] for item in page["items"]]
        return _misfound(client, page) or ("" if titles == sorted(titles) else "titles out of order")

    client.ask("GET", "/v1/items (q, order)", path=f"/v1/items?q={_WANTED}&order=title", check=check)


def _misfound(client: Client, page: Any) -> str:
    """What is wrong with what a search has found."""
    found = page["items"]
    strange = [item for item in found if _WANTED not in item["title"]]
    return client.fault_of(found) or ("" if found and not strange else "not what was searched for")


def write(client: Client) -> None:
    """An item comes, is changed, and goes."""
    added = client.add()
    path = f"/v1/items/{added}"
    client.ask("PATCH", "/v1/items/{id}", path=path, json={"title": "Done"}, check=lambda item: client.fault_of([item]))
    client.remove(added)


def write_once(client: Client) -> None:
    """Asked for twice, as by a client that has not heard the answer, an item is there once."""
    title, key = f"A thing to do at {time.time():.3f}", {"Idempotency-Key": secrets.token_hex(16)}

    def ask(check: Callable[[Answer], str]) -> str:
        route, path = "/v1/items (Idempotency-Key)", "/v1/items"
        answer = client.hear("POST", route, 201, path=path, json={"title": title}, headers=key, check=check)
        identifier: str = answer.body["id"]
        client.items.add(identifier)
        return identifier

    def repeated(answer: Answer) -> str:
        if answer.headers.get("Idempotent-Replayed") != "true":
            return "a repeated write that does not say so"
        return "" if answer.body["id"] == added else "another item for the same key"

    added = ask(lambda answer: client.fault_of([answer.body]))
    ask(repeated)
    client.remove(added)


def write_a_batch(client: Client) -> None:
    """Many items come at once, and go one by one."""
    batch = [{"title": f"A thing of many, {number}"} for number in range(_BATCH)]

    def check(answer: Any) -> str:
        titles = [{"title": item["title"]} for item in answer["items"]]
        whole = answer["created"] == _BATCH and titles == batch
        return client.fault_of(answer["items"]) or ("" if whole else "not the batch that was sent")

    added = [one["id"] for one in client.ask("POST", "/v1/items/batch", 201, json=batch, check=check)["items"]]
    client.items.update(added)
    for one in added:
        client.remove(one)
