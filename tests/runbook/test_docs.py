"""What the README says of runbooks is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.runbook import attributes, lint
from opskit.runbook.parse import parse
from tests.docs import runbooks
from tests.docs.readme import README
from tests.runbook.pages import told

if TYPE_CHECKING:
    from opskit.runbook.model import Page

CAPTURE = "<!-- opskit: mutates=no capture=queue -->\n```sh\necho 0\n```\n\n"
STEP = "## 1. Look\n\nx\n\n## 2. Do\n\n" + CAPTURE


def read(text: str) -> Page:
    return parse(text, Path("page.md"))


def test_the_runbook_of_the_readme_is_one_of_which_nothing_is_to_be_said() -> None:
    text = re.search(
        r"^````markdown\n(.*?)^````$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert text
    page = read(text[1])
    assert lint.lint(page) == ()
    assert page.runbook
    assert len(page.runbook.steps) == 3


@pytest.mark.parametrize(
    "example", [example for example, _ in (*runbooks.WORDS.values(), runbooks.BOX)]
)
def test_each_word_in_the_tables_is_read(example: str) -> None:
    assert told(f"{STEP}{example}\n") == []


@pytest.mark.parametrize("example", [example for example, _ in runbooks.COMMENTS.values()])
def test_each_comment_in_the_tables_is_read(example: str) -> None:
    attributes.read(example)


def test_the_front_matter_in_the_tables_is_read() -> None:
    lines = [example for name, (example, _) in runbooks.FRONT.items() if name != "params"]
    for name, (example, _) in runbooks.PARAMS.items():
        param = f"params: {{server: {{{example}}}}}"
        page = read(
            "\n".join(
                ["---", *lines, param, "---", "# x", "## 1. Look", "**Ask:** `server` - x", ""]
            )
        )
        assert page.problems == (), name
    assert (
        read(
            "\n".join(
                [
                    "---",
                    *lines,
                    runbooks.FRONT["params"][0],
                    "---",
                    "# x",
                    "## 1. Look",
                    "**Ask:** `server` - x",
                ]
            )
        ).problems
        == ()
    )
