"""Every way to break a client that the document knows of is found, wherever it is tried; an addition breaks nobody."""

from collections.abc import Callable, Iterator

import pytest

from backend.checks.changes.breaking import breaks
from tests.checks import documents
from tests.checks.documents import Mutation, Node, changed, original

type Mutations = Callable[[Node], Iterator[Mutation]]


def outcomes(mutations: Mutations) -> list[tuple[str, list[str]]]:
    """What is found of each mutation, one at a time."""
    before = original()
    return [
        (name, [f"{one.pointer}: {one.sentence}" for one in breaks(before, after)])
        for name, after in changed(before, mutations)
    ]


@pytest.mark.parametrize(
    ("mutations", "least"),
    [(documents.broken_operations, 500), (documents.broken_requests, 100), (documents.broken_answers, 100)],
)
def test_whatever_breaks_a_client_is_found(mutations: Mutations, least: int) -> None:
    found = outcomes(mutations)
    assert [name for name, breaking in found if not breaking] == []
    assert len(found) > least


@pytest.mark.parametrize(("mutations", "least"), [(documents.added, 200), (documents.added_to_schemas, 50)])
def test_what_is_added_breaks_nobody(mutations: Mutations, least: int) -> None:
    found = outcomes(mutations)
    assert [(name, breaking) for name, breaking in found if breaking] == []
    assert len(found) > least
