"""A page as it is read: what its comments say stands above each command, in words."""

from __future__ import annotations

from opskit.runbook import parse, showing
from opskit.runbook.model import Action
from tests.runbook.pages import FILE, FRONT

BODY = """
Text.

## 1. Look

- First:

  <!-- opskit: on=@web batch=2 timeout=30s mutates=no capture=load sudo -->
  ```sh
  uptime
  ```

  <!-- opskit: expect=contains -->
  ```text
  up
  ```

## 2. Stop

<!-- a remark -->
<!-- opskit: local
     rollback="#3-start" -->

```sh
touch stopped
```

## 3. Start

```sh
shown only
```
"""


def test_a_comment_is_read_as_words_above_its_command() -> None:
    page = parse.parse(FRONT + BODY, FILE)
    assert page.runbook, page.problems
    text = showing.shown(FRONT + BODY, page.runbook)
    said = (
        "  *on @web, 2 at a time, by sudo as root, at most 30 s, changes nothing, what it prints is \\$load*\n  ```sh\n",
        "  *what it prints must contain this*\n  ```text\n",
        "*on this machine, at most 10 min, changes something, undone by step 3*\n",
        "<!-- a remark -->",
    )
    for each in said:
        assert each in text, text
    assert text.startswith("# Page\n")
    assert "opskit:" not in text


def test_a_time_limit_is_said_in_its_largest_whole_unit() -> None:
    assert [showing.span(s) for s in (0.5, 30, 90, 600, 7200)] == [
        "0.5 s",
        "30 s",
        "90 s",
        "10 min",
        "2 h",
    ]


def test_a_selector_is_no_emphasis() -> None:
    page = parse.parse(FRONT + "## 1. x\n", FILE)
    assert page.runbook
    assert showing.action(Action(1, "sh", "x", on="@*"), page.runbook).startswith("on @\\*, ")
