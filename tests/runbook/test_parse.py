from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.runbook import parse
from opskit.runbook.model import (
    Action,
    Approve,
    Ask,
    Check,
    Choice,
    Confirm,
    Decide,
    Expect,
    Prose,
    Wait,
)  # fmt: skip

if TYPE_CHECKING:
    from opskit.runbook.model import Page, Problem, Runbook, Step

FILE = Path("page.md")
FRONT = "---\nopskit: 1\nid: page\n---\n# Page\n"


def page(body: str) -> Page:
    """Read a page whose front matter and title take lines 1 to 5."""
    return parse.parse(FRONT + body, FILE)


def book(body: str) -> Runbook:
    read = page(body)
    assert read.runbook, read.problems
    return read.runbook


def step(body: str) -> Step:
    (one,) = book(f"## 1. Do it\n{body}").steps
    return one


def problem(body: str, *, fatal: bool = True) -> Problem:
    read = page(body)
    (one,) = read.problems
    assert one.fatal is fatal
    assert (read.runbook is None) is fatal
    return one


WHOLE = """---
opskit: 1
id: haproxy-queue
owner: infra
services: [shop]
alerts: [HaproxyQueueHigh]
last_reviewed_on: 2026-11-01
review_in: 3 months
params:
  backend: {ask: "Which backend?", default: app, pattern: "[a-z]+"}
---
# HAProxy is queuing

What $backend waits for.

## 1. Look
<!-- opskit: on=@lb mutates=no capture=queue timeout=10s -->
```sh
echo 0
```

<!-- opskit: expect=regex -->
```text
^[0-9]+$
```

**Wait:** until `queue` is not 7, every 2s, at most 5m, else go to [Escalate](#3-escalate).

## 2. Drain the slow server
> [!CAUTION]
> Never drain the last one.

**Ask:** `server` - Which server is slow?

**Confirm:** Drain {{ server }}?

<!-- opskit: on="@lb!{{ server }}" batch=1 capture=out rollback="#3-escalate" sudo -->
```bash
echo "$backend $server"
```

- [ ] Paste the link (evidence)
- [ ] It is well

**Decide:** Is it well? If not, go to [Escalate](#3-escalate).

## 3. Escalate
**Approve:** by the owner
"""


def test_a_whole_page_is_what_it_says():
    read = parse.parse(WHOLE, FILE)
    assert read.problems == ()
    runbook = read.runbook
    assert runbook
    assert (runbook.id, runbook.title) == ("haproxy-queue", "HAProxy is queuing")
    assert runbook.owner == "infra"
    assert (runbook.services, runbook.alerts) == (("shop",), ("HaproxyQueueHigh",))
    assert (runbook.last_reviewed_on, runbook.review_days) == (date(2026, 11, 1), 90)
    assert [one.name for one in runbook.parameters] == ["backend"]
    assert runbook.intro == (Prose(14, "What $backend waits for."),)
    assert [one.id for one in runbook.steps] == ["look", "drain-the-slow-server", "escalate"]


def test_a_step_holds_what_is_run_asked_and_looked_at_in_its_order():
    runbook = parse.parse(WHOLE, FILE).runbook
    assert runbook
    look, drain, escalate = runbook.steps
    expected = Expect("regex", "^[0-9]+$", 23)
    wait = Wait(
        27, "until `queue` is not 7, every 2s, at most 5m, else go to [Escalate](#3-escalate).",
        300.0, "queue", "7", True, 2.0, "escalate",
    )  # fmt: skip
    assert look.parts == (
        Action(18, "sh", "echo 0\n", "@lb", 0, 10.0, "queue", mutates=False, expect=expected),
        wait,
    )
    assert drain.parts == (
        Prose(30, "> [!CAUTION]\n> Never drain the last one."),
        Ask(33, "server", "Which server is slow?"),
        Confirm(35, "Drain {{ server }}?", typed=True),
        Action(
            38, "sh", 'echo "$backend $server"\n', "@lb!{{ server }}", 1, capture="out",
            rollback="escalate", sudo="root",
        ),
        Check(42, "Paste the link", evidence=True),
        Check(43, "It is well"),
        Decide(
            45, "Is it well? If not, go to [Escalate](#3-escalate).",
            (Choice("Escalate", "escalate"), Choice("go on", "")),
        ),
    )  # fmt: skip
    assert drain.cautious
    assert escalate.parts == (Approve(48, "by the owner"),)


@pytest.mark.parametrize("name", sorted((Path(__file__).parents[2] / "runbooks").glob("*.md")), ids=str)
def test_the_shipped_runbooks_can_be_run(name):
    assert parse.read(name).runbook
