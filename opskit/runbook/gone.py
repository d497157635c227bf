"""A run stands at a step that its page has not got, or not any more: somebody says where it goes on; it is never passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.runbook.asking import ask
from opskit.runbook.model import Choice
from opskit.runbook.parts import OVER, WHOLE, name_of
from opskit.runbook.progress import SUSPENDED
from opskit.runbook.stopping import ABORTED, StoppedError
from opskit.runbook.talk import ABORT, CHOICE, LEAVE, MARK, Question

if TYPE_CHECKING:
    from opskit.runbook.progress import Progress
    from opskit.runbook.walk import Walk


def where_to(walk: Walk, now: Progress) -> None:
    """Ask at which step of the page a run goes on that stands at none of them; raises StoppedError."""
    begun = any(key[0] == now.step for key in now.parts)
    keys = (CHOICE, *((MARK,) if begun else ()), ABORT, LEAVE)
    choices = tuple(Choice(name_of(step), step.id) for step in walk.record.book.steps)
    reply = ask(walk, Question("gone", _told(now, begun=begun), keys, choices=choices))
    match reply.key:
        case "choice":
            to = next(each.target for each in choices if each.label == reply.text)
            walk.record.step(now.step, WHOLE, "went", to=to, how="jump")
        case "mark":
            walk.record.step(now.step, WHOLE, "marked", why=reply.text)
        case "abort":
            raise StoppedError(ABORTED, reply.text or "aborted")
        case _:
            raise StoppedError(SUSPENDED, "left by whoever ran it")


def _told(now: Progress, *, begun: bool) -> str:
    """Say what is known of the step: that it was never there, or what of it was begun and is not over."""
    name = ascii(now.step)[1:-1][:80]
    if not begun:
        return (
            f"the run stands at step {name}, and no such step is in the file: where does it go on?"
        )
    left = [
        d.status for key, d in now.parts.items() if key[0] == now.step and d.status not in OVER
    ]
    state = f", a part of it is {left[0]}" if left else ""
    return f"step {name} was begun{state}, and is no longer in the file: where does the run go on?"
