"""How a run of a runbook ended, what it would do, and how somebody goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from opskit.changelog.runrecords import DRILL
from opskit.cli.render import envelope, text, walking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opskit.runbook.liabilities import Liability
    from opskit.runbook.model import Action, Part, Runbook, Step
    from opskit.runbook.progress import Progress
    from opskit.runbook.walk import End

COLOURS = {"done": "green", "failed": "red", "aborted": "yellow", "suspended": "yellow"}


def show_end(book: Runbook, end: End, *, command: str, as_json: bool) -> int:
    """Show how a run stands, and give the exit code."""
    if as_json:
        return envelope.show(command, _document(book, end), exit_code=end.exit_code)
    run = end.now.run
    why = f": {end.reason}" if end.reason else ""
    text.say()
    drill = " (a drill: what would change something was not run)" if end.now.mode == DRILL else ""
    text.say(
        f"{book.title}: {end.outcome}{drill}{why}",
        colour=COLOURS.get(end.outcome, ""),
        bold=True,
        wrap=True,
    )
    for line in _next(end):
        text.say(f"  {line}", wrap=True)
    text.say(f"  run {run}; see: opskit log {run}", wrap=True)
    return end.exit_code


def _next(end: End) -> list[str]:
    """Say what somebody can do about a run that is not done."""
    run, lines = end.now.run, []
    if end.outcome == "suspended" and "approval" in end.reason:
        lines.append(f"somebody else approves it: opskit runbook approve {run}")
    if end.outcome in ("suspended", "failed"):
        lines.append(f"to go on: opskit runbook resume {run}")
        lines.append(f"if nobody is to: opskit runbook abort {run} -m WHY")
    if end.now.liabilities:
        lines.append(f"to put back what is open: opskit runbook undo {run}")
    return lines


def _document(book: Runbook, end: End) -> Mapping[str, object]:
    now = end.now
    return {
        "run": now.run, "runbook": book.id, "environment": now.environment, "mode": now.mode, "outcome": end.outcome,
        "reason": end.reason, "step": now.step, "values": dict(now.values), "open": [_owed(each) for each in now.liabilities[::-1]],
    }  # fmt: skip


def _owed(each: Liability) -> Mapping[str, object]:
    return {
        "step": each.step,
        "part": each.part,
        "rollback": each.rollback,
        "hosts": list(each.hosts),
        "by": each.actor,
    }


def show_plan(
    book: Runbook,
    steps: Sequence[Step],
    *,
    where: Callable[[Action], tuple[tuple[str, ...], str]],
    fill: Callable[[str], str],
    as_json: bool,
) -> int:
    """Show every step, where it would run, and run nothing; `where` gives hosts, or why they are not known yet."""
    if as_json:
        told = [_step(step, where, fill) for step in steps]
        return envelope.show(
            "runbook run", {"runbook": book.id, "title": book.title, "steps": told}
        )
    text.say(book.title, bold=True, wrap=True)
    for one in book.intro:
        walking.prose(text.say, fill(one.text))
    for step in steps:
        walking.step(text.say, step, book.steps.index(step) + 1, len(book.steps))
        for each in step.parts:
            part(text.say, each, where, fill)
    text.say()
    text.say("nothing was run, and nothing recorded")
    return 0


def part(
    say: Callable[..., None],
    which: Part,
    where: Callable[[Action], tuple[tuple[str, ...], str]],
    fill: Callable[[str], str],
) -> None:
    """Show a part of a step that is only looked at: what it says, or where it would be run."""
    from opskit.runbook.model import Action, Choice, Prose

    if isinstance(which, Prose):
        walking.prose(say, fill(which.text))
    elif isinstance(which, Action):
        hosts, why = where(which)
        walking.action(say, which, hosts or (which.on,))
        if why:
            say(f"  where is not known yet: {why}", colour="yellow", wrap=True)
    else:
        kind, said = type(which).__name__, cast("Any", which)
        say()
        say(f"{kind}: {walking.plain(fill(said.text))}", bold=True, wrap=True)
        choices: tuple[Choice, ...] = getattr(which, "choices", ())
        for choice in choices:
            say(f"  {choice.label}: {choice.target or 'what follows'}", wrap=True)


def _step(
    step: Step,
    where: Callable[[Action], tuple[tuple[str, ...], str]],
    fill: Callable[[str], str],
) -> Mapping[str, object]:
    parts = [_told(part, where, fill) for part in step.parts]
    return {"id": step.id, "title": step.title, "parts": parts}


def _told(
    part: Part, where: Callable[[Action], tuple[tuple[str, ...], str]], fill: Callable[[str], str]
) -> Mapping[str, object]:
    from opskit.runbook.model import Action

    kind = type(part).__name__.lower()
    if not isinstance(part, Action):
        said: Any = part
        return {"kind": kind, "text": fill(said.text)}
    hosts, why = where(part)
    return {
        "kind": kind, "text": part.text, "language": part.language, "on": fill(part.on), "hosts": list(hosts), "unknown": why,
        "mutates": part.mutates, "rollback": part.rollback, "capture": part.capture, "timeout": part.timeout,
    }  # fmt: skip


def show_open(now: Progress, *, as_json: bool) -> int:
    """Show what is open of a run, after what would put it back; gives 3 if anything is."""
    left = now.liabilities[::-1]
    code = 3 if left else 0
    if as_json:
        data = {"run": now.run, "open": [_owed(each) for each in left]}
        return envelope.show("runbook undo", data, exit_code=code)
    if not left:
        text.say(f"nothing of run {now.run} is open")
    return code
