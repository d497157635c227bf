"""What is known of the parts of a step while a runbook is followed, and when a step is over."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.runbook.model import Prose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.runbook.model import Step

PENDING, UNKNOWN, DONE, FAILED, INTERRUPTED = "pending", "unknown", "done", "failed", "interrupted"
SKIPPED, MARKED, ANSWERED, APPROVED = "skipped", "marked", "answered", "approved"
OVER = (DONE, SKIPPED, MARKED, ANSWERED)
"""What a part is of which nothing is left to do."""
WHOLE = -1
"""The number of the part that stands for a step as a whole."""


@dataclass(frozen=True, slots=True)
class Done:
    """What is known of one part: `status`, who said so and when, the hosts and their results, why it was skipped or marked.

    `number` is that of the event that said so, from 1.
    """

    status: str = PENDING
    actor: str = ""
    at_ms: int = 0
    why: str = ""
    value: str = ""
    hosts: tuple[str, ...] = ()
    results: tuple[Mapping[str, object], ...] = ()
    number: int = 0


NOT_BEGUN = Done()


def is_over(step: Step, parts: Mapping[tuple[str, int], Done]) -> bool:
    """Tell whether nothing of a step is left to do; one that is only read is over when somebody has read it."""
    if parts.get((step.id, WHOLE), NOT_BEGUN).status in OVER:
        return True
    wanted = working(step)
    return bool(wanted) and all(parts.get((step.id, n), NOT_BEGUN).status in OVER for n in wanted)


def last_done(step: Step, parts: Mapping[tuple[str, int], Done]) -> int:
    """Give the number of the event from which on a step was done as a whole; 0 if it was not, or something of it was skipped."""
    wanted = working(step) or (WHOLE,)
    found = [parts.get((step.id, n), NOT_BEGUN) for n in wanted]
    done = all(each.status in (DONE, MARKED, ANSWERED) for each in found)
    return min(each.number for each in found) if done else 0


def working(step: Step) -> tuple[int, ...]:
    """Give the numbers of the parts that ask for something to be done."""
    return tuple(n for n, each in enumerate(step.parts) if not isinstance(each, Prose))


def name_of(step: Step) -> str:
    """Give the title of a step without the number that stands before it."""
    return re.sub(r"^\d+[.):]?\s+", "", step.title)


def by_id(steps: Iterable[Step], name: str) -> Step | None:
    """Give the step of that very id: no number and no other anchor of a step is meant."""
    return next((step for step in steps if step.id == name), None)
