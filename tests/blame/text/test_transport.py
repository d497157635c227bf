"""How opskit says that it saw a trouble is no word of the trouble, on either side of the comparison."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from opskit.blame.model import Candidate
from opskit.blame.text import compare
from opskit.blame.text.symptom import read
from opskit.blame.text.transport import without
from tests.support.growth import growth

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("not healthy within 3 s: 127.0.0.1:25819: connection failed", ""),
        ("healthy at first, and 1.5 s later not any more: the health command ended with status 1", ""),
        ("http://10.0.0.1:80/offer gave 500, expected 200\nKeyError", "/offer KeyError"),
        ("http://10.0.0.1:80/offer: no answer within 5 s", "/offer"),
        ("https://10.0.0.1/offer does not contain 'teas'", "/offer 'teas'"),
        ("the command did not end within 5 s; its processes were ended", ""),
        ("the connection failed after order:12: it was lost", "the connection failed after order:12: it was lost"),
    ],
)  # fmt: skip
def test_only_the_rest_of_what_a_check_said_is_left(said: str, left: str) -> None:
    assert " ".join(without(said, paths=True).split()) == left


def test_a_restart_that_showed_a_latent_error_has_no_words_of_it() -> None:
    seen = "not healthy within 3 s: 127.0.0.1:25819: connection failed"
    restart = Candidate("a", "restart", NOW, "shop", reason=f"web02: {seen}", text=seen)
    assert not read(seen).words
    page = "http://127.0.0.1:25819/health gave 500, expected 200"
    shown = Candidate("b", "restart", NOW, "shop", text=page)
    told = compare([restart, shown], f"{page}\n{seen}", cache=None).texts
    assert told == {}
    dear = replace(restart, why="sencha was dear")
    assert "a" in compare([dear], f"{seen}\nsencha is dear", cache=None).texts


def test_a_long_text_without_a_space_takes_no_long_time() -> None:
    def work(count: int) -> None:
        without("a.b-" * count + ":1: connection", paths=True)

    assert growth(work, 1000, 8000) < 2
