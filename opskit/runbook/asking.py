"""What only a person can do: answer, confirm, decide, look, approve. `--auto` stops at each of them and never answers one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.errors import UsageError
from opskit.runbook.model import (
    NEXT,
    Action,
    Approve,
    Ask,
    Check,
    Choice,
    Confirm,
    Decide,
    Wait,
)
from opskit.runbook.parts import APPROVED, OVER, WHOLE, by_id, name_of, working
from opskit.runbook.progress import DECIDE, SUSPENDED
from opskit.runbook.stopping import ABORTED, StoppedError
from opskit.runbook.talk import (
    ABORT,
    AGAIN,
    BACK,
    CHOICE,
    GO,
    LEAVE,
    NO,
    SKIP,
    TEXT,
    YES,
    Known,
    Question,
    Reply,
    Warned,
)
from opskit.runbook.values import problem_of, secret

if TYPE_CHECKING:
    from opskit.runbook.model import Parameter, Part, Step
    from opskit.runbook.parts import Done
    from opskit.runbook.walk import Walk

WAYS_OUT = (SKIP, BACK, ABORT, LEAVE)
MOST_ASKED, MOST_WAYS = 500, 20
"""Characters of a question, and ways of a decision, that an event keeps."""
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
GO_ON = Choice("go on with what follows", NEXT)


def part(walk: Walk, step: Step, number: int, which: Part, done: Done) -> None:
    """Ask what a part of a step asks for, until it is answered or left in another way."""
    match which:
        case Ask():
            value(walk, step, number, which)
        case Confirm():
            _confirm(walk, step, number, which)
        case Decide():
            _decide(walk, step, number, which)
        case Check():
            _check(walk, step, number, which)
        case Approve():
            _approve(walk, step, number, which, done)
        case _:
            walk.note(step, number, "answered", kind="read", value="")


def read(walk: Walk, step: Step) -> None:
    """Let a step be read that asks for nothing; `--auto` goes on."""
    if walk.mode != "auto":
        question = Question("read", "", (GO, *WAYS_OUT), step)
        if left(walk, step, reply := walk.talk.ask(question)) or reply.key != GO:
            return
    walk.note(step, WHOLE, "answered", kind="read", value="")


def ask(walk: Walk, question: Question) -> Reply:
    """Ask a person; where nobody is to be asked, the run stops here and says what it would have asked."""
    if walk.mode == "auto":
        where = f"{name_of(question.step)}: " if question.step else ""
        raise StoppedError(
            SUSPENDED, f"a person must say: {where}{question.text or question.kind}"
        )
    return walk.talk.ask(question)


def left(walk: Walk, step: Step, reply: Reply) -> bool:
    """Do what an answer says that is a way out of any question; tells whether it was one. Raises StoppedError."""
    if reply.key == SKIP:
        _skip(walk, step, reply.text)
    elif reply.key == BACK:
        walk.back(step)
    elif reply.key == ABORT:
        raise StoppedError(ABORTED, reply.text or "aborted")
    elif reply.key == LEAVE:
        raise StoppedError(SUSPENDED, "left by whoever ran it")
    return reply.key in WAYS_OUT


def _skip(walk: Walk, step: Step, why: str) -> None:
    """Write that the rest of a step is skipped; a decision that stands behind what is skipped is still to be made: it says where to go on."""
    now = walk.record.now
    left_ = [n for n in working(step) if now.of(step.id, n).status not in OVER]
    later = [n for n in left_[1:] if isinstance(step.parts[n], Decide)]
    if now.step != step.id or not later:
        walk.note(step, WHOLE, "skipped", why=why)
        return
    for number in left_:
        if number not in later:
            walk.note(step, number, "skipped", why=why)


def what_next(walk: Walk, step: Step) -> None:
    """Ask what is to be done about something that could not even begin."""
    question = Question("failed", "", (AGAIN, *WAYS_OUT), step)
    left(walk, step, ask(walk, question))


def caution(
    walk: Walk,
    step: Step,
    number: int,
    text: str,
    *,
    action: Action | None = None,
    hosts: tuple[str, ...] = (),
) -> bool:
    """Let the id of a step be typed before something that cannot be taken lightly; tells whether it was.

    If that is a command, it is shown with its hosts first, and who types it has agreed to it.
    """
    question = Question("caution", text, (TEXT, *WAYS_OUT), step, action, hosts, wanted=step.id)
    while not left(walk, step, reply := ask(walk, question)):
        if reply.text.strip() == step.id:
            walk.note(step, number, "answered", kind="caution", value=step.id)
            return True
        question = replace(question, problem=f"that is not {step.id}")
    return False


def title(walk: Walk, which: Part) -> str:
    """Give what a part is called in one line."""
    match which:
        case Action():
            first = which.text.strip().partition("\n")[0]
            return f"$ {first}"
        case Ask() | Confirm() | Decide() | Wait() | Check() | Approve():
            return " ".join(walk.say(which.text).split())
        case _:
            return ""


def asked(walk: Walk, which: Part) -> str:
    """Give what a part asks, as an event keeps it: without the addresses of its links."""
    return _LINK.sub(r"\1", title(walk, which))[:MOST_ASKED]


def answered(walk: Walk, step: Step, number: int, which: Part, **said: object) -> None:
    """Write what was asked, and what came of it."""
    walk.note(step, number, "answered", text=asked(walk, which), **said)


def _parameter(walk: Walk, name: str) -> Parameter | None:
    return next((each for each in walk.record.book.parameters if each.name == name), None)


def value(walk: Walk, step: Step, number: int, which: Ask, *, kind: str = "ask") -> bool:
    """Ask for a value until it fits, or somebody leaves the question; tells whether it was given."""
    parameter = _parameter(walk, which.name)
    if parameter is not None and parameter.secret:
        return _secret(walk, step, number, which, parameter, kind=kind)
    known = walk.known.get(which.name, "")
    question = Question(
        "ask", walk.say(which.text), (TEXT, *WAYS_OUT), step, wanted=which.name, default=known
    )
    if walk.mode == "auto" and which.name in walk.given:
        answered(walk, step, number, which, kind=kind, name=which.name, value=known)
        return True
    while not left(walk, step, reply := ask(walk, question)):
        said = reply.text or known
        problem = problem_of(parameter, said, name=which.name)
        if not problem:
            answered(walk, step, number, which, kind=kind, name=which.name, value=said)
            return True
        question = replace(question, problem=problem)
    return False


def _secret(
    walk: Walk, step: Step, number: int, which: Ask, parameter: Parameter, *, kind: str
) -> bool:
    question = Question("secret", walk.say(which.text), (TEXT, *WAYS_OUT), step, wanted=which.name)
    while not left(walk, step, reply := ask(walk, question)):
        try:
            walk.secrets[which.name] = secret(parameter, reply.text)
        except UsageError as error:
            question = replace(question, problem=error.what)
            continue
        walk.hands.fleet.vault.hide([walk.secrets[which.name]])
        answered(walk, step, number, which, kind=kind, name=which.name, value="", secret=True)
        return True
    return False


def _confirm(walk: Walk, step: Step, number: int, which: Confirm) -> None:
    text = walk.say(which.text)
    if which.typed:
        if caution(walk, step, WHOLE, text):
            answered(walk, step, number, which, kind="confirm", value=step.id)
        return
    question = Question("confirm", text, (YES, NO, *WAYS_OUT), step)
    if left(walk, step, reply := ask(walk, question)):
        return
    if reply.key != YES:
        raise StoppedError(SUSPENDED, f"not confirmed: {text}")
    answered(walk, step, number, which, kind="confirm", value="yes")


def _decide(walk: Walk, step: Step, number: int, which: Decide) -> None:
    choices = which.choices
    if all(choice.target != NEXT for choice in choices):
        choices = (*choices, GO_ON)
    ways = [{"name": each.label, "value": each.target} for each in which.choices[:MOST_WAYS]]
    leads = tuple(_lead(walk, step, number, each) for each in choices)
    question = Question(
        "decide", walk.say(which.text), (CHOICE, *WAYS_OUT), step, choices=choices, leads=leads
    )
    while not left(walk, step, reply := ask(walk, question)):
        chosen = next((each for each in choices if each.label == reply.text), None)
        if chosen is None:
            question = replace(question, problem=f"{reply.text!r} is no choice")
            continue
        if chosen.target == NEXT:
            answered(walk, step, number, which, kind="decide", value=chosen.label, choices=ways)
        else:
            told = {"text": asked(walk, which), "choices": ways}
            walk.note(
                step, number, "went", to=chosen.target, how=DECIDE, value=chosen.label, **told
            )
        return


def _lead(walk: Walk, step: Step, number: int, choice: Choice) -> str:
    """Say where a choice leads: `step 4 (Free its port)`."""
    steps = walk.record.book.steps
    at = steps.index(step) + 1
    after = steps[at].id if at < len(steps) else ""
    to = choice.target or walk.record.now.returns or after
    if choice.target == NEXT and any(n > number for n in working(step)):
        return "the rest of this step"
    found = by_id(steps, to)
    if found is None:
        return "the end"
    name = "" if name_of(found).lower() == choice.label.lower() else f" ({name_of(found)})"
    return f"step {steps.index(found) + 1}{name}"


def _check(walk: Walk, step: Step, number: int, which: Check) -> None:
    text = walk.say(which.text)
    if not which.evidence:
        question = Question("check", text, (GO, *WAYS_OUT), step)
        if not left(walk, step, ask(walk, question)):
            answered(walk, step, number, which, kind="check", value="yes")
        return
    question = Question("evidence", text, (TEXT, *WAYS_OUT), step)
    while not left(walk, step, reply := ask(walk, question)):
        if reply.text.strip():
            answered(walk, step, number, which, kind="evidence", value=reply.text.strip())
            return
        question = replace(question, problem="say what was seen")


def _approve(walk: Walk, step: Step, number: int, which: Approve, done: Done) -> None:
    procedure = walk.record.book.procedure
    if done.status == APPROVED and done.value == procedure:
        walk.talk.tell(Known(title(walk, which), replace(done, value="")))
        answered(walk, step, number, which, kind="approve", value=done.actor)
    elif walk.mode == "drill":
        answered(walk, step, number, which, kind="approve", value="a drill needs none")
    else:
        if done.status == APPROVED:
            walk.talk.tell(
                Warned(
                    f"the steps have changed in the file since {done.actor} said yes: that counts no more"
                )
            )
        text = walk.say(which.text)
        waits = {
            "for": "approval",
            "step": step.id,
            "part": number,
            "text": text,
            "digest": procedure,
        }
        reason = f"{name_of(step)} waits for somebody else's approval: {text}"
        raise StoppedError(SUSPENDED, reason, waits=waits)
