"""What a run has left open is put back, the last first, each by the step that it names; or somebody says with a reason that it is none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.body import part
from opskit.changelog.event import RUN_FINISHED, RUN_STARTED
from opskit.changelog.runwords import pair
from opskit.errors import OpskitError, UnknownNameError
from opskit.runbook import doing
from opskit.runbook.folding import fold
from opskit.runbook.lacking import reads
from opskit.runbook.names import templates
from opskit.runbook.parts import WHOLE, by_id, last_done, name_of
from opskit.runbook.progress import OPEN
from opskit.runbook.stopping import ABORTED, StoppedError
from opskit.runbook.talk import GO, LEAVE, MARK, SKIP, LeftError, Question, Shown, Warned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.runbook.liabilities import Liability
    from opskit.runbook.model import Runbook, Step
    from opskit.runbook.walk import End, Walk

PUT_BACK, BEHIND = "put back", "; since then: "
DRY = "not run: this would put it back"


def show(walk: Walk) -> None:
    """Show what would be run to put back all that is open, the last first, and run nothing."""
    for owed in reversed(walk.record.now.liabilities):
        step = by_id(walk.record.book.steps, owed.rollback)
        walk.talk.tell(Warned(f"open: {told(walk, owed)}"))
        if step is None:
            walk.talk.tell(Warned(f"there is no step {owed.rollback} in {walk.record.book.file}"))
            continue
        _show(walk, owed, step, DRY)


def undo(walk: Walk) -> End:
    """Put back what is open, each when its commands were shown and somebody agrees; gives how the run stands then, as it did before but for that."""
    before, interrupted = _before(walk), False
    try:
        for owed in reversed(walk.record.now.liabilities):
            if not _one(walk, owed):
                break
    except (LeftError, KeyboardInterrupt):
        interrupted = True
    except StoppedError as stop:
        walk.talk.tell(Warned(stop.reason))
    left = walk.record.now.liabilities
    said = "something is still open" if left else PUT_BACK
    end = _end(walk, before, said, interrupted=interrupted)
    code = 3 if left else int(bool(walk.record.lost))
    return end if interrupted else replace(end, exit_code=code)


def clear(walk: Walk, name: str, why: str) -> End:
    """Write that what a step left is none any more; raises UnknownNameError if nothing of that step is open."""
    ids = {owed.step for owed in walk.record.now.liabilities}
    step = by_id(walk.record.book.steps, name) or walk.record.book.step(name)
    wanted = step.id if step else name
    if wanted not in ids:
        hint = f"open are: {', '.join(sorted(ids))}" if ids else "nothing is open"
        _end(walk, _before(walk), "")
        raise UnknownNameError(f"nothing of step {name!r} is open", hint=hint)
    walk.record.step(wanted, WHOLE, "cleared", why=why)
    if walk.record.lost is not None:
        raise walk.record.lost
    return replace(_end(walk, _before(walk), "cleared"), exit_code=0)


def told(walk: Walk, owed: Liability) -> str:
    """Give in one line what is open."""
    from opskit.fleet.selectors import fold

    step = by_id(walk.record.book.steps, owed.step)
    at = f" on {fold(owed.hosts)}" if owed.hosts and owed.hosts != ("local",) else ""
    values = with_values(walk.record.book, owed)
    return f"{name_of(step) if step else owed.step}{at}{values}, by {owed.actor}"


def with_values(book: Runbook, owed: Liability) -> str:
    """Give the values by which one thing that is open differs from another: ` with server=web03`; "" if there are none."""
    steps = (by_id(book.steps, name) for name in (owed.step, owed.rollback))
    used = {
        n
        for step in steps
        if step
        for each in step.actions
        for n in (*reads(each), *templates(each.on))
    }
    pairs = [pair(name, value) for name, value in sorted(owed.values.items()) if name in used]
    return f" with {', '.join(pairs)}" if pairs else ""


class Before(NamedTuple):
    """How a run stood before anything was put back: its outcome, why, and what it waits for."""

    outcome: str
    why: str
    waits: Mapping[str, object]


def _before(walk: Walk) -> Before:
    """Give how the run stood; one that had no end is aborted."""
    events = list(walk.record.events)
    while events and events[-1].header.kind not in (RUN_FINISHED, RUN_STARTED):
        events.pop()
    was = fold(walk.record.book.steps, events)
    why = was.reason.partition(BEHIND)[0]
    waits = part(events[-1].body, "waits") if events else {}
    outcome = ABORTED if was.outcome == OPEN else was.outcome
    return Before(outcome, "" if why == PUT_BACK else why, waits)


def _end(walk: Walk, before: Before, said: str, *, interrupted: bool = False) -> End:
    """Write that the run stands as it did, and what was done since."""
    why = f"{before.why}{BEHIND}{said}" if before.why and said else said or before.why
    return walk.end(before.outcome, why, interrupted=interrupted, waits=before.waits)


def _one(walk: Walk, owed: Liability) -> bool:
    """Put one thing back if somebody agrees; tells whether to go on with the next."""
    step = by_id(walk.record.book.steps, owed.rollback)
    if step is None:
        walk.talk.tell(Warned(f"there is no step {owed.rollback} in {walk.record.book.file}"))
        return True
    if owed not in walk.record.now.liabilities:
        return True  # what was put back before has done it, too
    _show(walk, owed, step, "")
    question = Question("undo", told(walk, owed), (GO, SKIP, MARK, LEAVE), step, hosts=owed.hosts)
    reply = walk.talk.ask(question)
    more = {"began": owed.began}
    if reply.key == GO:
        return _put_back(walk, owed, step)
    if reply.key == MARK:
        walk.record.step(owed.step, owed.part, "cleared", why=reply.text, **more)
    return reply.key != LEAVE


def _put_back(walk: Walk, owed: Liability, step: Step) -> bool:
    record, more = walk.record, {"began": owed.began}
    record.step(owed.step, owed.part, "went", to=step.id, how="undo", **more)
    walk.values, walk.agreed = owed.values, True
    try:
        walk.follow(until=lambda now: now.step != step.id)
    finally:
        walk.values, walk.agreed = None, False
    if owed not in record.now.liabilities or last_done(step, record.now.parts):
        record.step(owed.step, owed.part, "undone", of=owed.step, rollback=step.id, **more)
        left = next((each for each in record.now.liabilities if each.began == owed.began), None)
        if left is not None:
            walk.talk.tell(
                Warned(f"{name_of(step)} was not done everywhere; still open: {told(walk, left)}")
            )
    return True


def _show(walk: Walk, owed: Liability, step: Step, said: str) -> None:
    """Show the commands of the step that puts something back, with the values of when it was done."""
    walk.values = owed.values
    for action in step.actions:
        try:
            walk.talk.tell(Shown(action, doing.where(walk, action), said))
        except OpskitError as error:
            walk.talk.tell(Warned(str(error)))
    walk.values = None
