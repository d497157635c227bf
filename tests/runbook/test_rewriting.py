"""What was asked and run in a run is asked and run once more by its report, and by the draft that is made of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog.runrecords import Value
from opskit.runbook import draft, lint, report, rewriting
from opskit.runbook.model import Part, Prose
from opskit.runbook.parse import parse
from tests.runbook.scripted import GO, YES, book_of, choose, say

if TYPE_CHECKING:
    from opskit.runbook.model import Runbook
    from tests.runbook.scripted import Stage

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PAGE = """
## 1. Look

**Ask:** `server` - Which one is `slow`?

<!-- opskit: local timeout=30s mutates=no capture=queue -->
```sh
echo 0
```

<!-- opskit: expect=regex -->
```text
^[0-9]+$
```

**Wait:** until `queue` is 0, every 1s, at most 1m, else go to [Ask Ben](#3-ask-ben)

**Confirm:** Is another one up?

- [ ] The light is on
- [ ] Paste the link (evidence)

**Decide:** Is it the disk? go to [Ask Ben](#3-ask-ben), or [mend it](#2-mend-it).

## 2. Mend it

<!-- opskit: local rollback="#3-ask-ben" -->
```sh
echo "$server" >>mended
```

**Decide:** Is it well? Else [look again](#1-look).

## 3. Ask Ben

**Approve:** Ben, by phone

<!-- opskit: on=@web batch=1 sudo timeout=1m -->
```sh
true
```
"""


def asked(book: Runbook) -> list[list[Part]]:
    """Give what the steps of a page ask and run, without its place, and links by their words."""
    plain = str.maketrans("", "", "\\`")
    return [
        [
            replace(part, line=0, **({"text": _bare(part.text).translate(plain)} if hasattr(part, "text") else {}))
            for part in step.parts
            if not isinstance(part, Prose)
        ]
        for step in book.steps
    ]  # fmt: skip


def _bare(text: str) -> str:
    return text.partition("[")[0].split(", else")[0].strip().rstrip(",")


@pytest.fixture
def book() -> Runbook:
    return book_of(PAGE, "")


def test_a_report_and_a_draft_ask_and_do_the_same_once_more(stage: Stage, book: Runbook) -> None:
    end, _ = stage.run(
        book, say("web03"), GO, YES, GO, say("http://x"), choose("mend it"), GO, choose("go on"),
        say("x"), mode="run",
    )  # fmt: skip
    with stage.changelog() as changelog:
        record = changelog.run(end.now.run)
    again = [report.markdown(record, (), now=NOW), draft.drafted("x", [record], (), title="X", today=date(2026, 11, 24))]  # fmt: skip
    wanted = asked(book)[:2]
    for page in again:
        read = parse(page, Path("page.md"))
        assert [str(problem) for problem in lint.lint(read)] == [], page
        assert read.runbook is not None
        told = asked(read.runbook)
        assert [[type(part).__name__ for part in parts] for parts in told] == [
            [type(part).__name__ for part in parts] for parts in wanted
        ]
        look = read.runbook.steps[0]
        (action,) = look.actions
        assert (action.timeout, action.capture, action.mutates) == (30.0, "queue", False)
        assert action.expect
        assert (action.expect.kind, action.expect.text) == ("regex", "^[0-9]+$")
        assert "Which one is `slow`?" in page.replace("\\", "")
    assert "web03" in (stage.folder / "mended").read_text()


def test_what_cannot_be_written_once_more_is_left_out() -> None:
    assert rewriting.expected(None) == ""
    assert rewriting.expected(Value("regex", "(")) == ""
    assert rewriting.expected(Value("exact", "\x1b")) == ""
    assert "expect=exact" in rewriting.expected(Value("exact", "```"))
