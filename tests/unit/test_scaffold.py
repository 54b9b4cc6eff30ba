"""What a new resource may be called and made of, and what is written for one."""

from typing import Any

import msgspec
import pytest

from backend.contracts.decimals import Digits, decimal_of
from backend.internal.scaffold import code, sql, testing
from backend.internal.scaffold.fields import fields_of
from backend.internal.scaffold.keywords import NO_NAMES
from backend.internal.scaffold.kinds import KINDS
from backend.internal.scaffold.layout import WIDTH, bracketed, filled, imported
from backend.internal.scaffold.names import singular_of, with_article
from backend.internal.scaffold.resource import Resource
from backend.operators import OperatorError
from tests.database import Connection, rows


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("books", "book"),
        ("categories", "category"),
        ("boxes", "box"),
        ("branches", "branch"),
        ("addresses", "address"),
        ("wishes", "wish"),
        ("book_reviews", "book_review"),
        ("days", "day"),
    ],
)
def test_a_singular_is_told_from_its_plural(plural: str, singular: str) -> None:
    assert singular_of(plural, None) == singular


@pytest.mark.parametrize("plural", ["lenses", "heroes", "wolves", "prizes", "news", "status", "movies", "sheep"])
def test_a_singular_that_cannot_be_told_is_asked_for(plural: str) -> None:
    with pytest.raises(OperatorError, match="--singular"):
        singular_of(plural, None)
    assert singular_of(plural, "lens") == "lens"


@pytest.mark.parametrize("given", ["Lens", "le ns", "", "1", "lens_", "class", "type", "conn", "sheep"])
def test_a_singular_that_would_break_the_code_is_refused(given: str) -> None:
    with pytest.raises(OperatorError):
        singular_of("sheep", given)


def test_a_singular_that_is_the_plural_is_refused_for_that() -> None:
    with pytest.raises(OperatorError, match="is the plural as well"):
        singular_of("news", "news")


@pytest.mark.parametrize("plural", ["data", "added", "removal", "conn", "cursor", "if_match"])
def test_a_resource_is_not_called_as_what_its_controller_has_by_that_name(plural: str) -> None:
    with pytest.raises(OperatorError, match="means something else"):
        Resource.of(plural, ["title:text"], "datum")


def test_articles_go_by_the_sound() -> None:
    assert [with_article(one) for one in ("item", "book_review", "unit", "umbrella", "hour")] == [
        "an item",
        "a book review",
        "a unit",
        "an umbrella",
        "an hour",
    ]


async def test_the_reserved_words_are_those_of_postgresql(superuser: Connection) -> None:
    found = await rows(superuser, "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")
    assert {word for (word,) in found} == NO_NAMES


@pytest.mark.parametrize(
    ("name", "words", "reason"),
    [
        ("Books", ["title:text"], "lower-case letters"),
        ("books2", ["title:text"], "lower-case letters"),
        ("_books", ["title:text"], "lower-case letters"),
        ("books; DROP TABLE items", ["title:text"], "lower-case letters"),
        ("tables", ["order:text"], "the field order is a reserved word of SQL"),
        ("user", ["title:text"], "'user' is a reserved word of SQL"),
        ("lists", ["title:text"], "'list' means something else"),
        ("nones", ["title:text"], "'none' means something else"),
        ("pg_tables", ["title:text"], "'pg_tables' is a table of PostgreSQL's"),
        ("schema_migrations", ["title:text"], "or of `backend migrate`"),
        ("b" * 55 + "s", ["title:text"], "and PostgreSQL keeps 63"),
        ("books", ["t" * 50 + ":text"], "and PostgreSQL keeps 63"),
        ("books", [], "at least one field"),
        ("books", ["title"], "'title' has no type"),
        ("books", [":text"], "the field '' is not made of"),
        ("books", ["title:varchar"], "there is no type 'varchar'; there are text, int"),
        ("books", ["at:datetime"], "there is no datetime: times that are shown have six digits"),
        ("books", ["title:text:primary"], "there is no 'primary'; there are unique, optional, index"),
        ("books", ["title:text:unique:unique"], "says unique twice"),
        ("books", ["title:text:unique:index"], "has an index already"),
        ("books", ["good:bool:unique"], "nobody could have more than two"),
        ("books", ["title:text", "title:int"], "the field title is named twice"),
        ("books", ["a1:text", "a_1:text"], "would both be A1"),
        ("books", ["Title:text"], "lower-case letters, digits"),
        ("books", ["title_:text"], "lower-case letters, digits"),
        ("books", ["a__b:text"], "lower-case letters, digits"),
        ("books", ["1st:text"], "lower-case letters, digits"),
        ("books", ["i:int"], "looks like a digit"),
        ("books", ["user:text"], "the field user is a reserved word of SQL"),
        ("books", ["limit:int"], "the field limit is a reserved word of SQL"),
        ("books", ["class:text"], "say more, as in book_class"),
        ("books", ["type:text"], "say more, as in book_type"),
        ("books", ["xmin:int"], "system column"),
        ("books", ["true:text"], "reserved word of SQL"),
        ("books", ["none:text"], "say more, as in book_none"),
        ("books", ["date:date"], "say which one it is"),
        ("books", ["datetime:text"], "say which one it is"),
        ("books", ["fetch_one:text"], "the name of a function"),
        ("books", ["conn:text"], "the name of an argument"),
        ("books", ["shape:text"], "the name of an argument"),
        ("books", ["book_id:uuid"], "the name of an argument"),
        ("books", ["sets_note:bool", "note:text:optional"], "the name of an argument"),
        *(("books", [f"{name}:text"], "comes by itself") for name in ("id", "owner_id", "version", "created_at")),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(name: str, words: list[str], reason: str) -> None:
    with pytest.raises(OperatorError) as refused:
        Resource.of(name, words)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_may_be_left_out_comes_last() -> None:
    fields = fields_of(["a:int:optional", "b:text", "c:date:optional", "d:uuid"], "book")
    assert [field.name for field in fields] == ["b", "d", "a", "c"]


def test_a_text_that_an_index_holds_is_short() -> None:
    words = ["a:text", "b:text:optional", "c:text:optional:index", "d:text:optional:unique"]
    assert [field.longest for field in fields_of(words, "book")] == [200, 2000, 200, 200]


@pytest.mark.parametrize("word", KINDS)
@pytest.mark.parametrize("modifier", ["", ":optional", ":index", ":unique"])
def test_every_type_gives_code_that_compiles_in_lines_that_fit(word: str, modifier: str) -> None:
    if (word, modifier) == ("bool", ":unique"):
        return
    for number in (1, 6, 12):
        fields = [f"field_number_{one}:{word}{modifier}" for one in range(number)]
        resource = Resource.of("rather_long_names", fields)
        for render in (code.queries, code.contract, code.controller, testing.api_test, testing.expected):
            text = render(resource)
            compile(text, render.__name__, "exec")
            assert max(map(len, text.splitlines())) <= WIDTH
        assert "$" not in sql.migration(resource, "0001_x.sql")


def test_lines_break_where_there_is_no_more_room() -> None:
    assert bracketed("f(", ["a", "b"], ")") == "f(a, b)"
    assert bracketed("f(", ["a" * 60, "b" * 56], ")") == f"f(\n    {'a' * 60},\n    {'b' * 56},\n)"
    assert bracketed("f(", ["a" * 60, "b" * 54], ") -> x:") == f"f(\n    {'a' * 60}, {'b' * 54}\n) -> x:"
    assert bracketed("x = [", ["a" * 60, "b" * 54], "]") == f"x = [\n    {'a' * 60},\n    {'b' * 54},\n]"
    assert filled("SELECT ", ["a" * 60, "b" * 60]) == f"SELECT {'a' * 60},\n       {'b' * 60}"
    assert imported("m", ["b", "A", "UP", "Cd"]) == "from m import UP, A, Cd, b"


@pytest.mark.parametrize("digits", ["0", "-1", "12.50", "999999999999.999999", "0.000001", "-0.5"])
def test_a_decimal_is_read_as_it_is_spelled(digits: str) -> None:
    assert str(decimal_of(msgspec.convert(digits, Digits))) == digits


@pytest.mark.parametrize("digits", ["", "NaN", "1e3", " 1", "1_0", "01", "1.", ".5", "1000000000000", "1\n", 1.5])
def test_what_is_no_decimal_is_refused(digits: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(digits, Digits)


def test_no_digits_are_no_decimal() -> None:
    assert decimal_of(None) is None
    assert decimal_of(msgspec.UNSET) is None
