"""Words of code and prose meet, whatever a text holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.blame.text.symptom import read
from opskit.blame.text.tokens import LONGEST, STOP, basic, count, forms, spellings

IDENTIFIERS = st.from_regex(r"[a-z]{3,8}(_[a-z]{3,8}){1,3}", fullmatch=True)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("parse_quantity", {"parse_quantity", "pars", "quantity"}),
        ("parseURL", {"parseurl", "pars", "url"}),
        ("HTTPServer2", {"httpserver2", "http", "server"}),
        ("__init__", {"init"}),
        ("leaks", {"leak"}),
        ("leaking", {"leak"}),
        ("queries", {"query"}),
        ("the", set()),
        ("x", set()),
        ("a" * (LONGEST + 1), set()),
    ],
)
def test_a_written_word_stands_for_itself_and_its_parts(written: str, words: set[str]) -> None:
    assert set(forms(written)) == words


@given(st.text(max_size=300))
def test_any_text_has_words_that_are_small_short_and_no_stop_words(text: str) -> None:
    for word, times in count(text).items():
        assert word == word.lower()
        assert 1 < len(word) <= LONGEST * 2  # "İ" becomes two characters when it is made small
        assert word not in STOP
        assert times > 0


@given(IDENTIFIERS)
def test_an_identifier_meets_its_parts_in_prose(name: str) -> None:
    prose = count(name.replace("_", " "))
    assert {word for word in forms(name) if "_" not in word} == set(prose)


@given(st.lists(IDENTIFIERS, max_size=5), st.lists(IDENTIFIERS, max_size=5))
def test_words_of_two_texts_add_up(one: list[str], other: list[str]) -> None:
    both = count(" ".join([*one, *other]))
    assert both == count(" ".join(one)) + count(" ".join(other))


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20))
def test_a_word_is_only_ever_shortened_but_for_a_y(word: str) -> None:
    assert len(basic(word)) <= len(word)
    assert word.startswith(basic(word).removesuffix("y"))


@given(st.text(max_size=300))
def test_any_text_can_be_a_symptom(text: str) -> None:
    asked = read(text)
    assert asked.head <= asked.words.keys()
    assert asked.identifiers <= asked.words.keys()
    assert asked.words.keys() <= asked.spelled.keys()


def test_a_symptom_knows_its_summary_its_names_of_code_and_how_it_writes_them() -> None:
    asked = read("cart: crash\n\nparse_quantity() raises in loadCart, and loadCart again")
    assert asked.head == {"cart", "crash"}
    assert asked.identifiers == {"parse_quantity", "loadcart"}
    assert asked.spelled["loadcart"] == "loadCart"
    assert asked.words["loadcart"] > asked.words["parse_quantity"]
    assert spellings("loadCart")["load"] == "load"
