"""The headers of a request by their names."""

from backend.headers import by_name


def test_each_header_is_found_by_its_name() -> None:
    assert by_name([(b"host", b"x"), (b"accept", b"*/*")]) == {b"host": b"x", b"accept": b"*/*"}
    assert by_name([]) == {}


def test_lines_of_the_same_name_are_one_list_in_the_order_in_which_they_came() -> None:
    lines = [(b"accept", b"text/html"), (b"host", b"x"), (b"accept", b""), (b"accept", b"a, b")]
    assert by_name(iter(lines)) == {b"accept": b"text/html, , a, b", b"host": b"x"}
