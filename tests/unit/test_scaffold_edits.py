"""What a new resource adds to files that a team has made its own."""

import pytest

from backend.internal.scaffold import edits
from backend.internal.scaffold.resource import Resource
from backend.operators import OperatorError

BOOKS = Resource.of("books", ["title:text:unique"])
IMPORT = "from backend.controllers.items import ItemController\n"
ADDED = f"from backend.controllers.books import BookController\n{IMPORT}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("V1 = [\n    A,\n]\n", "V1 = [\n    A,\n    BookController,\n]\n"),
        ("V1 = [A, B.c]  # All.\n", "V1 = [\n    A,\n    B.c,\n    BookController,\n]  # All.\n"),
        ("V1 = []\n", "V1 = [\n    BookController,\n]\n"),
        ("V1: list[C] = [A]\n", "V1: list[C] = [\n    A,\n    BookController,\n]\n"),
        ("V1 = [\n    A,  # The first.\n    # None after it.\n]\n\nX = 1", None),
        ("\f\nV1 = [\n    A,\n]\n", "\f\nV1 = [\n    A,\n    BookController,\n]\n"),
    ],
)
def test_a_controller_comes_last_however_the_list_is_written(before: str, after: str | None) -> None:
    after = after or before.replace("]", "    BookController,\n]")
    assert edits.app(IMPORT + before, BOOKS) == ADDED + after


@pytest.mark.parametrize("v1", ["V1 = [\n    A\n]\n", "V1 = (A, B)\n", "V1 = made()\n"])
def test_a_list_that_cannot_be_added_to_is_one_line(v1: str) -> None:
    with pytest.raises(OperatorError, match=r"^V1 is no list or dict with a comma behind its last part"):
        edits.app(IMPORT + v1, BOOKS)


def test_a_list_that_is_gone_is_one_line() -> None:
    with pytest.raises(OperatorError, match="there is no V1 any more"):
        edits.app(IMPORT, BOOKS)
