"""What is waited for: a time, or that a command prints what it should."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from opskit.errors import UsageError
from opskit.runbook.asking import WAYS_OUT, ask, left
from opskit.runbook.doing import begin, carried_out, where
from opskit.runbook.ends import Acted
from opskit.runbook.model import Wait
from opskit.runbook.parts import DONE, FAILED, INTERRUPTED, OVER, by_id, name_of
from opskit.runbook.progress import SUSPENDED, WAIT
from opskit.runbook.showing import span
from opskit.runbook.stopping import StoppedError
from opskit.runbook.talk import AGAIN, GO, MARK, Ended, LeftError, Question, Warned

if TYPE_CHECKING:
    from opskit.runbook.model import Part, Step
    from opskit.runbook.parts import Done
    from opskit.runbook.walk import Walk


def wait(walk: Walk, step: Step, number: int, which: Part, done: Done) -> bool:
    """Wait, if that is what a part says; tells whether it is."""
    if not isinstance(which, Wait) or done.status in OVER:
        return False
    if walk.mode == "drill":
        walk.note(step, number, "answered", kind="wait", value="a drill does not wait")
    elif done.status == FAILED and which.otherwise:
        walk.note(step, number, "went", to=which.otherwise, how=WAIT)  # it died before it went
    elif done.status in (FAILED, INTERRUPTED):
        _waited_in_vain(walk, step, number, which)
    elif which.name:
        _wait_until(walk, step, number, which)
    else:
        _wait_for(walk, step, number, which, done)
    return True


def _wait_for(walk: Walk, step: Step, number: int, which: Wait, done: Done) -> None:
    """Wait until so much time has passed since that began, whoever was there meanwhile."""
    if not done.at_ms:
        most = {"most": round(which.seconds * 1000)}
        walk.note(step, number, "began", hosts=[], mutates=False, awaited=most)
    left_ = which.seconds - (walk.record.seconds_since(done.at_ms) if done.at_ms else 0)
    if done.at_ms:
        ago = f"{which.seconds - left_:.0f} s of {which.seconds:g} s have passed since it began to wait"
        walk.talk.tell(
            Warned(f"{ago}: {f'{left_:.0f} s are left' if left_ > 0 else 'it is over'}")
        )
    if left_ <= 0 or walk.talk.rest(left_, _only_text(walk, which)):
        walk.note(step, number, "answered", kind="wait", value=f"{which.seconds:g} s")
    else:
        _interrupted(walk, step, number, which)


def _only_text(walk: Walk, which: Wait) -> str:
    """Give what a page says of a time to wait beside the time itself."""
    return re.sub(r"^(for\s+)?[\d.]+(ms|s|m|h)\b[\s.,:;-]*", "", walk.say(which.text))


def _interrupted(walk: Walk, step: Step, number: int, which: Wait) -> None:
    """Ask whether to go on waiting."""
    if walk.mode == "auto":
        raise StoppedError(SUSPENDED, "interrupted while it waited", interrupted=True)
    question = Question("wait", walk.say(which.text), (GO, MARK, *WAYS_OUT), step)
    if not left(walk, step, reply := ask(walk, question)) and reply.key == MARK:
        walk.note(step, number, "marked", why=reply.text)


def _wait_until(walk: Walk, step: Step, number: int, which: Wait) -> None:
    """Run the command that captures a value again and again, until it is as it should be or the time is over."""
    looks = next((a for a in step.actions if a.capture == which.name), None)
    if looks is None:
        raise UsageError(f"{name_of(step)}: no command of this step captures {which.name}")
    hosts = where(walk, looks)
    walk.record.demand_ours()
    awaited = {
        "name": which.name, "value": which.value, "negated": which.negated, "to": which.otherwise,
        "every": round(which.every * 1000), "most": round(which.seconds * 1000),
    }  # fmt: skip
    begin(walk, step, number, looks, hosts, awaited=awaited)
    until = time.monotonic() + which.seconds
    while True:
        acted = carried_out(walk, looks, hosts, shown=False)
        met = (
            acted.outcome == DONE and (acted.captured.strip() == which.value) is not which.negated
        )
        if met or acted.outcome == INTERRUPTED or time.monotonic() + which.every > until:
            break
        said = acted.captured.strip() if acted.outcome == DONE else acted.outcome
        if not walk.talk.rest(
            which.every, f"{which.name} is {said[:60] or 'empty'}: {walk.say(which.text)}"
        ):
            acted = Acted(INTERRUPTED, acted.results)
            break
    if met or acted.outcome != DONE:
        walk.talk.tell(Ended(looks, acted.outcome, acted.results))
    _waited(walk, step, number, which, acted, met=met)


def _waited(walk: Walk, step: Step, number: int, which: Wait, acted: Acted, *, met: bool) -> None:
    """Write what waiting came to, and go where it says if it was in vain."""
    outcome = INTERRUPTED if acted.outcome == INTERRUPTED else DONE if met else FAILED
    value = acted.captured
    capture = {"name": which.name, "value": value} if acted.outcome == DONE else {}
    walk.note(
        step,
        number,
        "ended",
        outcome=outcome,
        results=acted.bodies(),
        capture=capture,
        rollouts=[],
    )
    if acted.left:
        raise LeftError(interrupted=True)
    if outcome == FAILED:
        _tell_in_vain(walk, which, acted)
        if which.otherwise:
            walk.note(step, number, "went", to=which.otherwise, how=WAIT)


def _tell_in_vain(walk: Walk, which: Wait, acted: Acted) -> None:
    """Say that what was waited for did not come, what it was last, and where the run goes on."""
    wanted = f"{'was still' if which.negated else 'did not become'} {which.value}"
    last = f" (it is {acted.captured.strip()[:60] or 'empty'})" if acted.outcome == DONE else ""
    step = by_id(walk.record.book.steps, which.otherwise)
    to = f": the run goes on at {name_of(step)}" if step else ""
    walk.talk.tell(Warned(f"{which.name} {wanted} within {span(which.seconds)}{last}{to}"))


def _waited_in_vain(walk: Walk, step: Step, number: int, which: Wait) -> None:
    text = walk.say(which.text)
    ended = walk.record.now.of(step.id, number).status == INTERRUPTED
    said = (
        f"{name_of(step)}: {'interrupted while it waited' if ended else 'waited in vain'}: {text}"
    )
    if walk.mode == "auto":
        raise StoppedError(SUSPENDED if ended else FAILED, said, interrupted=ended)
    reply = ask(walk, Question("failed", said, (AGAIN, MARK, *WAYS_OUT), step))
    if left(walk, step, reply):
        return
    if reply.key == MARK:
        walk.note(step, number, "marked", why=reply.text)
    else:
        _wait_until(walk, step, number, which)
