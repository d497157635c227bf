"""Regular expressions of a page are tried for a limited time; pages are read in a time that grows with their length alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from opskit.errors import UsageError
from opskit.runbook import patterns
from opskit.runbook.model import Parameter
from opskit.runbook.values import problem_of
from tests.runbook.pages import page, told
from tests.runbook.scripted import GO, Reply, book_of
from tests.runbook.test_walk import LOOK, steps
from tests.support.growth import growth

if TYPE_CHECKING:
    from tests.runbook.scripted import Stage

SLOW, TEXT = "(a+)+b", "a" * 45 + "c"


@pytest.fixture
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "LIMIT", 0.5)
    patterns._try.cache_clear()


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("web[0-9]+", "web01"),
        ("[a-z]*-(é|\\.)+", "a-éé.\n"),
        ("a*b*", "x" * 5000),
        ("^b+$", "a\nbb"),
    ],
)
def test_what_is_tried_elsewhere_says_the_same(wanted: str, text: str) -> None:
    assert patterns.matches(wanted, text) is bool(re.fullmatch(wanted, text))
    assert patterns.finds(wanted, text) is bool(re.search(wanted, text, re.MULTILINE))


@pytest.mark.usefixtures("_hurry")
def test_an_expression_that_takes_for_ever_is_given_up(stage: Stage) -> None:
    with pytest.raises(UsageError, match=r"takes more than 0\.5 s"):
        patterns.matches(SLOW, TEXT)
    assert "takes more than" in problem_of(Parameter("x", pattern=SLOW), TEXT)
    expect = f"<!-- opskit: expect=regex -->\n```\n^{SLOW}$\n```\n"
    book = book_of(steps(LOOK.format(f"echo {TEXT}") + "\n" + expect))
    _, talk = stage.run(book, GO, Reply("skip", "it is slow"))
    assert "takes more than 0.5 s" in talk.asked[1].text


@pytest.mark.usefixtures("_hurry")
def test_a_default_is_tried_no_longer() -> None:
    front = f'params: {{x: {{pattern: "{SLOW}", default: "{TEXT}"}}}}'
    with pytest.raises(AssertionError, match="takes more than"):
        book_of("## A\n", front + "\n")


@pytest.mark.parametrize("kind", ["cautions", "waits", "templates"])
def test_a_page_of_twice_the_length_takes_about_twice_the_time(kind: str) -> None:
    fence = "## A\n<!-- opskit: -->\n```sh\n{}\n```\n"
    look = "## A\n<!-- opskit: capture=a mutates=no -->\n```sh\ntrue\n```\n\n"
    bodies = {
        "cautions": lambda n: "## A\n" + "> [!CAUTION]\n\n" * n,
        "waits": lambda n: look + "**Wait:** until `a` is 0, at most 5m\n\n" * n,
        "templates": lambda n: fence.format(" ".join(f"{{{{ a{m} }}}}" for m in range(n))),
    }
    assert growth(lambda count: page(bodies[kind](count)), 1000, 4000) < 2


def test_a_secret_is_not_captured() -> None:
    fence = "## A\n<!-- opskit: capture=token -->\n```sh\necho $token\n```\n"
    with pytest.raises(
        AssertionError, match="token is a secret: what is captured is written down"
    ):
        book_of(fence, "params: {token: {secret: true}}\n")
    assert told(fence) == []
