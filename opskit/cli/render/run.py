"""One run of a runbook on one page: who, when, why, where each step stands, and all that happened, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog import RolloutRecord, runwords
from opskit.changelog.runrecords import BEGAN, ENDED, LOCAL
from opskit.changelog.runwords import bare, number_of
from opskit.cli.render import opinions, terminal, text
from opskit.cli.render.fitting import WHAT
from opskit.cli.render.kinds import raw
from opskit.cli.render.log import cells, colour_of, local
from opskit.cli.render.marks import signature
from opskit.cli.render.runs import debt, what_run
from opskit.cli.render.text import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from opskit.changelog import Entry, RunRecord
    from opskit.changelog.runrecords import Act, Approval, Goer, Printed

OUTPUT_LINES = 20
SCRIPT_LINES = 12
SHOWN_EVENTS = 8
WIDTH = 9


def show(record: RunRecord, inside: Sequence[Entry], now: datetime) -> None:
    """Print all that the changelog knows of a run; `inside` are the rollouts and notes that say that they were done in it."""
    said = f"{what_run(record)}: {record.outcome}"
    text.say(_one(said), colour=colour_of(record), bold=True)
    for name, value in _facts(record, now):
        if value:
            text.say(f"  {name:<{WIDTH}} {_one(value)}")
    for one in record.liabilities:
        text.say(
            _one(f"  open      {debt(record, one)}: opskit runbook undo {record.id}"),
            colour="yellow",
        )
    _show_steps(record)
    _show_acts(record)
    _show_inside(inside)
    for note in record.notes:
        said = note.text or (f"[{note.damage}]" if note.damage else "")
        text.say(f"\nnote by {_one(note.actor)}, {local(note.at)}\n{_indented(said)}")
    opinions.show(record.verdicts)
    _show_unknown(record)


def _facts(record: RunRecord, now: datetime) -> Iterator[tuple[str, str]]:
    took = f", took {text.duration(record.ms / 1000)}" if record.ms is not None else ""
    yield "run", record.id
    yield "page", " ".join(filter(None, (record.title, f"({record.file})" if record.file else "")))
    yield (
        "when",
        f"{local(record.at)} ({text.ago(record.at, now)}){took if not record.resumed else ''}",
    )
    yield "who", record.actor + (f", on {record.machine}" if record.machine else "")
    yield "signed", signature(record)
    yield "incident", record.incident
    yield "about", ", ".join(record.services)
    yield "where", record.environment
    yield "why", record.why
    yield "from", number_of(record, record.start) if record.start else ""
    yield "given", ", ".join(f"{value.name}={value.value}" for value in record.params)
    yield "secret", f"{', '.join(record.secrets)} (kept nowhere)" if record.secrets else ""
    for goer in record.resumed:
        yield "undo" if goer.undo else "resumed", _goer(record, goer)
    for approval in record.approvals:
        yield "approved", _approval(record, approval)
    yield "reason", record.reason
    yield "next", f"opskit runbook resume {record.id}" if record.is_open else ""
    yield "command", " ".join(_quoted(word) for word in record.command)
    kinds = ", ".join(f"{event.id} {event.header.kind}" for event in record.events[:SHOWN_EVENTS])
    more = len(record.events) - SHOWN_EVENTS
    yield "events", f"{kinds}, and {more} more" if more > 0 else kinds
    for doubt in record.doubts:
        yield "doubt", doubt


def _goer(record: RunRecord, goer: Goer) -> str:
    where = f", on {goer.machine}" if goer.machine else ""
    changed = ", ".join(number_of(record, step) for step in goer.changed)
    other = f"; changed on the page since it was done: {changed}" if changed else ""
    return f"{local(goer.at)} by {goer.actor}{where}{other}"


def _approval(record: RunRecord, approval: Approval) -> str:
    who = approval.actor
    if approval.principal and approval.principal != who:
        who += f" ({approval.principal})"
    why = f": {approval.why}" if approval.why else ""
    doubt = f" [{approval.doubt}]" if approval.doubt else ""
    no = "" if approval.counts else " [does not count: nobody approves what he runs]"
    return f"{local(approval.at)} by {who}, {number_of(record, approval.step)}{why}{doubt or no}"


def _show_steps(record: RunRecord) -> None:
    if not record.steps:
        return
    counts: dict[str, int] = {}
    for step in record.steps:
        counts[step.state] = counts.get(step.state, 0) + 1
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    text.say(_one(f"\n{text.plural(len(record.steps), 'step')}: {said}"), bold=True)
    rows = [
        (str(n), Status(step.state), bare(step.title) or step.id)
        for n, step in enumerate(record.steps, 1)
    ]
    for step, line in zip(record.steps, text.columns((), rows), strict=True):
        text.say(f"  {line}", colour=Status(step.state).colour)


def _show_acts(record: RunRecord) -> None:
    """Print what happened, under the step that it happened in."""
    step: str | None = None
    for act in record.acts:
        if act.step != step:
            step = act.step
            text.say(_one(f"\n{number_of(record, step)}"), bold=True)
        by = f", {act.actor}" if act.actor != record.actor else ""
        text.say(
            _one(f"  {local(act.at)}{by}  {_words(record, act)}"),
            colour=Status(act.outcome).colour,
        )
        _show_lines(_script(act) if act.what == BEGAN else ())
        for result in act.results:
            _show_result(result)


def _words(record: RunRecord, act: Act) -> str:
    """Give what happened in words, on one line."""
    if act.damage:
        return f"[{act.damage}]"
    capture = f", {act.capture.name}={act.capture.value}" if act.capture else ""
    done = f", did {', '.join(act.rollouts)}" if act.rollouts else ""
    if act.what == BEGAN and not act.rests:
        return f"began {act.language or 'something'} {_where(act)}{runwords.limits(act)}"
    return f"{act.outcome}{capture}{done}" if act.what == ENDED else runwords.of(record, act)


def _where(act: Act) -> str:
    """Say where an action was begun."""
    return "here" if act.hosts in ((), (LOCAL,)) else f"on {text.folded(act.hosts)}"


def _script(act: Act) -> list[str]:
    lines = act.script.splitlines()
    more = len(lines) - SCRIPT_LINES
    return (
        [*lines[:SCRIPT_LINES], f"… and {text.plural(more, 'line')} more"] if more > 0 else lines
    )


def _show_lines(lines: Iterable[str]) -> None:
    for line in lines:
        text.say(_one(f"    $ {line}"))


def _show_result(result: Printed) -> None:
    code = f", status {result.exit}" if result.exit else ""
    error = f": {result.error}" if result.error else ""
    took = f", {text.duration(result.ms / 1000)}" if result.ms > 0 else ""
    name = "here" if result.name == LOCAL else result.name
    said = f"    {name} {result.outcome}{code}{took}{error}"
    text.say(_one(said), colour=Status(result.outcome).colour)
    for line in result.output.splitlines()[-OUTPUT_LINES:]:
        text.say(_one(f"    | {line}"))


def _show_inside(inside: Sequence[Entry]) -> None:
    """Print a line for each rollout and note that says that it was done in the run."""
    if inside:
        text.say("\ndone in it", bold=True)
    for entry in inside:
        did = entry.outcome if isinstance(entry, RolloutRecord) else getattr(entry, "text", "")
        what = cells(entry, None)[WHAT]
        said = f"  {entry.id}  {local(entry.at)}  {what}, by {entry.actor}: {did}"
        text.say(_one(said), colour=colour_of(entry))


def _show_unknown(record: RunRecord) -> None:
    for event in record.events:
        if event.damage and event.header.kind not in ("run.step", "note"):
            text.say(_one(f"\n{event.header.kind} {event.id}: its body is {event.damage}"))
    for event in record.strange:
        text.say(
            _one(
                f"\ndoes not count: {event.header.kind} by {event.header.actor} {raw(event.body)}"
            )
        )


def _quoted(word: str) -> str:
    from shlex import quote

    return quote(word)


def _one(line: str) -> str:
    first = "\n" if line.startswith("\n") else ""
    return first + terminal.visible(line.removeprefix("\n"), one_line=True)


def _indented(said: str) -> str:
    return "\n".join(f"  {line}" for line in said.splitlines())
