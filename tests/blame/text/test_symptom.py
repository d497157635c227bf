"""What of a symptom counts as words."""

from __future__ import annotations

import pytest

from opskit.blame.text import weights
from opskit.blame.text.symptom import read


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("GET http://127.0.0.1:8080/offer gave 500 Internal Server Error", {"offer"}),
        ("GET https://shop.example.com/cart/items gave 502 Bad Gateway\nupstream gone", {"cart", "upstream", "gone"}),
        ("not healthy: http://10.0.0.1:80/health gave 500, expected 200", {"healthy", "health"}),
        ("see https://shop.example.com", set()),
        ("http://shop.example.com/cart: no answer: Name or service not known", {"cart"}),
    ],
)  # fmt: skip
def test_of_an_address_only_the_path_is_of_the_trouble(said: str, words: set[str]) -> None:
    found = set(read(said).words)
    assert words <= found
    assert not found & {"http", "https", "gave", "500", "502", "127", "8080", "expected", "gateway", "internal", "server", "shop.example.com", "answer", "known"}  # fmt: skip


def test_a_short_symptom_says_little_against_what_does_not_say_the_same() -> None:
    few = [weights.least(n) for n in (0, 1, 6, 25, 400)]
    assert few == sorted(few, reverse=True)
    assert few[0] == 0
    assert few[-1] == few[-2] == weights.LEAST_BITS


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("KeyError: 'gyokuro' in total", {"gyokuro"}),
        ('no price for "green-tea" and `Earl.Grey`', {"green", "tea", "earl", "grey"}),
        ("Ana's cart and Bo's don't total", set()),
        ("'cannot total the cart'", set()),
        ('File "/srv/shop/current/service.py", line 12', set()),
        ("order '4711' is gone", set()),
    ],
)
def test_one_word_in_quotes_is_a_value_but_not_a_message_a_path_or_a_number(
    said: str, values: set[str]
) -> None:
    found = read(said)
    assert found.values == values
    assert found.values <= found.identifiers


def test_the_summary_is_the_first_line_and_of_a_traceback_the_last() -> None:
    trace = "Traceback (most recent call last):\n  File 'a.py', line 1\n    total(lines)\nKeyError: 'gyokuro'"
    assert read(trace).head == {"keyerror", "key", "error", "gyokuro"}
    assert read("cart broken\nlater more").head == {"cart", "broken"}
    assert read("Traceback (most recent call last):").head == {
        "traceback",
        "most",
        "recent",
        "call",
        "last",
    }
