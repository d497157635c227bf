"""What is run is seen, and what reads as a question is one."""

from __future__ import annotations

import pytest

from tests.runbook.pages import told

RUN = "\n\n<!-- opskit: -->\n```sh\ntrue\n```\n"
NO_END = "a tag of this HTML has no end in it, or is none"
SWALLOWS = {
    f"## A\n\n<p align='{RUN}\n'></p>\n": NO_END,
    f'## A\n\n<p align="x{RUN}': NO_END,
    f"## A\n\n<p a=b'> <p c='{RUN}\n'></p>\n": NO_END,
    f"## A\n\n<div\n{RUN}": NO_END,
    f"## A\n\n<template>{RUN}\n</template>\n": "<template> has no end here",
    f"## A\n\nx <select hidden>{RUN}\n</select>\n": "<select> has no end here",
    f"## A\n\n<div hidden>{RUN}\n</div>\n": "this HTML is hidden",
    f'## A\n\n<div style="display: none">{RUN}\n</div>\n': "this HTML is hidden",
}
SEEN = [
    f"## A\n\n<!-- a: b -->{RUN}",
    f"## A\n\n<div>\nnote: x\n</div>{RUN}",
    f"## A\n\n<details><summary>More</summary>{RUN}\n</details>\n",
    f'## A\n\n<p align="center"><img src="a.png" alt=\'>\'></p>{RUN}',
    f"## A\n\na <b>b</b> <br/> 1 < 2 <https://x.org>{RUN}",
]
ASKS_NOTHING = [
    "| **Confirm:** Sure? |\n| --- |\n",
    "### **Confirm:** Sure?\n",
    "<b>Confirm:</b> Sure?\n",
    "<div>\n<strong>Confirm</strong>: Sure?\n</div>\n",
    "\u26a0\ufe0f **Confirm:** Sure?\n",
    "[**Confirm:**](#a) Sure?\n",
    "[^1]: **Confirm:** Sure?\n",
    "**Confirm\uff1a** Sure?\n",
    "**Con\u200bfirm:** Sure?\n",
]
FINE = ["See this: **Approve:** by the owner\n", "See `**Confirm:**` below.\n", "**Page:** x\n", "**Note:** **Confirm** it.\n", "Confirm: x\n", "It **asks:** x\n"]  # fmt: skip


@pytest.mark.parametrize("body", SWALLOWS, ids=range(len(SWALLOWS)))
def test_html_that_swallows_what_is_run_is_refused(body: str) -> None:
    assert any(said.endswith(SWALLOWS[body]) for said in told(body)), told(body)


@pytest.mark.parametrize("body", SEEN, ids=range(len(SEEN)))
def test_html_that_shows_what_stands_in_it_is_fine(body: str) -> None:
    assert told(body) == []


@pytest.mark.parametrize("body", ASKS_NOTHING, ids=range(len(ASKS_NOTHING)))
def test_what_reads_as_a_question_and_is_none_is_refused(body: str) -> None:
    assert any("?:" not in said for said in told(f"## A\n\n{body}{RUN}")), body


@pytest.mark.parametrize("body", FINE, ids=range(len(FINE)))
def test_what_only_names_a_word_is_fine(body: str) -> None:
    assert [said for said in told(f"## A\n\n{body}{RUN}") if "?:" not in said] == []
