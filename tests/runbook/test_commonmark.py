"""What renders as a heading of level 2 is a step: by the examples of CommonMark's own specification, and as GitHub renders it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import example, given
from hypothesis import strategies as st

from opskit.runbook import blocks, outline, parse
from opskit.runbook.findings import Findings
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECIFICATION = Path("/usr/share/gocode/src/github.com/yuin/goldmark/_test/spec.json")
"""Debian's golang-github-yuin-goldmark-dev holds the examples as their authors publish them."""
FILE = Path("page.md")


class Headings(HTMLParser):
    """The headings of level 2 that HTML shows outside of lists and quotes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._within = 0
        self._open = False

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - its base names it
        self._within += tag in ("li", "blockquote")
        if tag == "h2" and not self._within:
            self._open = True
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self._within -= tag in ("li", "blockquote")
        self._open = self._open and tag != "h2"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[-1] += data


def shown(html: str) -> list[str]:
    """Give the headings of level 2 that HTML shows."""
    headings = Headings()
    headings.feed(html)
    headings.close()
    return [" ".join(text.split()) for text in headings.found]


def steps(markdown: str) -> list[str]:
    """Give the titles of the steps of a text."""
    read = outline.read(blocks.read(markdown), markdown.count("\n") + 1, Findings(FILE))
    return [section.title for section in read.sections]


def specification() -> Iterator[dict[str, str]]:
    if SPECIFICATION.exists():
        yield from json.loads(SPECIFICATION.read_text("utf-8"))


def test_the_specification_is_there():
    if not SPECIFICATION.exists():
        missing("the specification of CommonMark (golang-github-yuin-goldmark-dev)")
    assert len(list(specification())) > 600


@pytest.mark.parametrize("chapter", sorted({one["section"] for one in specification()}))
def test_what_the_specification_shows_as_a_heading_is_a_step(chapter):
    for one in specification():
        if one["section"] == chapter:
            assert steps(one["markdown"]) == shown(one["html"]), one
            parse.parse(f"---\nopskit: 1\nid: a\n---\n{one['markdown']}", FILE)


def github(markdown: str) -> str:
    return cmarkgfm.markdown_to_html_with_extensions(
        markdown,
        options=Options.CMARK_OPT_UNSAFE,
        extensions=["table", "strikethrough", "tasklist"],
    )


LINES = [
    "", "", "text", "## Step", "##  1. A `b` *c*  ##", "##", "### more", "# Title", "Under", "---", "-----   ", "===", "- item", "1. one", "10) ten",
    "+ ", "> quote", ">", "> ## quoted", "- ## listed", "```", "```sh", "~~~", "~~~~ sh", "````", "<!-- opskit: on=@web -->", "<!--", "-->",
    "<div>", "</div>", "<details>", "<pre>", "</pre>", "<h2>x</h2>", "| a | b |", "| - | - |", "a | b", "--- | ---", "- [ ] look", "***", "\\## no",
    "[ref]: /url", "[ref]", "**Ask:** `a` - b", "&#35;# no", "<?", "?>", "<![CDATA[", "]]>", "<a>",
]  # fmt: skip
PAGES = st.lists(
    st.tuples(st.sampled_from(["", "", "", " ", "   ", "    ", "  ", "\t", "> ", "- ", "1. "]), st.sampled_from(LINES)),
    max_size=14,
).map(lambda lines: "".join(f"{indent}{line}\n" for indent, line in lines))  # fmt: skip


@given(PAGES)
@example("a\n\n-\n\n  ## b\n")
def test_what_github_shows_as_a_heading_is_a_step(markdown):
    assert steps(markdown) == shown(github(markdown))
