"""Pages to try, and what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from opskit.runbook import parse

if TYPE_CHECKING:
    from opskit.runbook.model import Action, Page, Problem, Runbook, Step

FILE = Path("page.md")
FRONT = "---\nopskit: 1\nid: page\n---\n# Page\n"

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

- [ ] Paste the link (Evidence).
- [ ] It is well

**Decide:** Is it well? If not, go to [Escalate](#3-escalate).

## 3. Escalate
**Approve:** by the owner
"""


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


def action(comment: str, fence: str = "```sh\ntrue\n```") -> Action:
    """Give the one action that a comment and the fence below it make."""
    (one,) = step(f"<!-- opskit: {comment} -->\n{fence}\n").actions
    return one


def told(body: str) -> list[str]:
    """Give what is wrong with a page, each as `line: what`, with a `?` behind the line of what is only a warning."""
    return [f"{p.line}{'' if p.fatal else '?'}: {p.what}" for p in page(body).problems]
