"""New passwords are refused for their length and for being guessed first, and for nothing else."""

import gzip
import hashlib
from importlib import resources
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.security.passwords import refuse_weak

FOLDER = resources.files("backend.security") / "common_passwords"
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # Lone surrogates and NUL too.
GOOD = "hjqkvmwpzrtbnxc"


def judge(password: str, *context: str) -> str | None:
    return refuse_weak(password, min_length=15, context=context)


@pytest.fixture(scope="module")
def text() -> bytes:
    return gzip.decompress((FOLDER / "common.txt.gz").read_bytes())


@pytest.mark.checklist(1)
def test_fourteen_characters_are_too_few_and_fifteen_are_enough() -> None:
    assert judge(GOOD[:14]) == "too_short"
    assert judge(GOOD) is None


@pytest.mark.checklist(1, 3)
def test_the_least_length_counts_code_points() -> None:
    assert judge("🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦🐤") == "too_short"
    assert judge("🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦🐤🦉") is None


@pytest.mark.checklist(2)
def test_the_greatest_length_counts_bytes() -> None:
    long = "".join(chr(0x4E00 + n) for n in range(341))  # Three bytes each.
    assert judge(long + "x") is None
    assert judge(long + "xy") == "too_long"


@pytest.mark.checklist(2)
@pytest.mark.parametrize("length", [64, 256, 1024])
def test_long_passwords_are_welcome(length: int) -> None:
    words = "".join(f"{n:x}-" for n in range(1000, 2000))
    assert judge(words[:length]) is None


@pytest.mark.checklist(3)
@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "ZRTBNXCHJQKVMWP",
        "correct horse battery staple",
        "7302958146620397",
        "ένα μεγάλο μυστικό",
        "\0 tab\t line\n end",
    ],
)
def test_any_characters_will_do(password: str) -> None:
    assert judge(password) is None


@pytest.mark.checklist(5)
@pytest.mark.parametrize(
    "password",
    [
        "password1234567",
        "qwertyuiopasdfghjkl",
        "correcthorsebatterystaple",
        "IloveYouForever",
        "1QAZ2wsx3edc4RFV",
    ],
)
def test_common_passwords_are_refused_in_any_case(password: str) -> None:
    assert judge(password) == "common_password"


@pytest.mark.checklist(2, 3)
@pytest.mark.parametrize("password", ["x" * 64, "y" * 256, "hjqkvmwp" * 2, GOOD + GOOD[0], "zqxwvkjzzqxwvkj"])
def test_there_are_no_rules_of_composition_beyond_the_list(password: str) -> None:
    assert judge(password) is None


@pytest.mark.checklist(5)
@pytest.mark.parametrize(
    "password",
    [
        "lodestarlodestar",
        "Lodestar-2026-!!",
        "ada.lovelace@example.org",
        "ADALOVELACE1815",
        "1815 lovelace 1852",
        "lodestar4lovelace",
    ],
)
def test_context_words_padded_with_anything_but_letters_are_refused(password: str) -> None:
    assert judge(password, "ada.lovelace@example.org") == "context_word"


@pytest.mark.checklist(5)
def test_a_context_word_that_begins_like_another_is_still_seen() -> None:
    assert judge("adalovelace1815", "ada", "adalovelace@example.org") == "context_word"


@pytest.mark.checklist(5)
def test_a_context_word_within_a_longer_password_does_no_harm() -> None:
    assert judge("lodestar of the northern sky", "ada@example.org") is None
    assert judge("barricade lemonade", "ada@example.org") is None
    assert judge("alodestarda 1815", "ada") is None


@pytest.mark.checklist(5)
def test_context_words_of_one_or_two_letters_are_no_clue() -> None:
    assert judge("a7302958146620397", "a@b.de") is None
    assert judge("a.b.c.d-20262026", "a.b.c.d@example.org") is None
    assert judge("a.b.c.d-20262026", "a.b.c.d") == "context_word"


def test_many_context_words_cannot_slow_the_comparison_down() -> None:
    assert judge("1" * 1000 + "x" * 24, "111", "1111", "11111", "1" * 64) is None


@pytest.mark.checklist(5)
def test_the_list_has_many_times_the_three_thousand_that_match_the_policy(text: bytes) -> None:
    lines = text.decode().split("\n")[1:-1]
    assert len(lines) == 149_730
    assert sum(len(line) >= 15 for line in lines) == 128_167
    assert min(map(len, lines)) == 8


def test_the_list_is_folded_sorted_and_without_duplicates(text: bytes) -> None:
    lines = text.decode().split("\n")[1:-1]
    assert lines == sorted({line.casefold() for line in lines})
    assert not any("@" in line for line in lines)


def test_the_list_is_the_one_that_its_readme_describes(text: bytes) -> None:
    assert hashlib.sha256(text).hexdigest() in (FOLDER / "README.md").read_text()
    assert len((FOLDER / "common.txt.gz").read_bytes()) < 2**20


@pytest.mark.checklist(5)
def test_every_entry_is_found_from_the_first_to_the_last(text: bytes) -> None:
    lines = text.decode().split("\n")[1:-1]
    for entry in (lines[0], lines[-1], *islice(lines, 0, None, 97)):
        assert refuse_weak(entry, min_length=8, context=()) == "common_password"


@pytest.mark.checklist(5)
@pytest.mark.parametrize("password", ["\0" * 7 + "\1", "\U0010fffd is the last of all", "zzzzzzzzzzzzzzzzzz9"])
def test_what_would_stand_before_or_after_every_entry_is_not_found(password: str) -> None:
    assert refuse_weak(password, min_length=8, context=()) is None


def test_neighbours_in_the_list_are_not_one_password(text: bytes) -> None:
    first, second = text.decode().split("\n")[1000:1002]
    assert judge(f"{first}\n{second}") is None


@given(password=ANY_TEXT, context=st.lists(ANY_TEXT, max_size=3))
def test_no_text_whatever_makes_it_fail(password: str, context: list[str]) -> None:
    assert refuse_weak(password, min_length=8, context=context) in {
        None,
        "too_short",
        "context_word",
        "common_password",
    }
