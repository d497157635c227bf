"""What somebody is asked to approve in a run of a runbook, and that it is approved."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from opskit.cli.render import envelope, following, text, walking

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.changelog import Event, RunRecord
    from opskit.runbook.approve import Wanted
    from opskit.runbook.model import Action
    from opskit.runbook.parts import Done


def mention(
    record: RunRecord,
    wanted: Wanted,
    *,
    where: Callable[[Action], tuple[tuple[str, ...], str]],
) -> None:
    """Show, on standard error, whose run waits for what, and what is run if somebody says yes."""
    from opskit.runbook.values import fill

    _whose(record, wanted)
    for step, parts in wanted.around:
        text.mention()
        text.mention(step.title, bold=True, wrap=True)
        for each in parts:
            following.part(text.mention, each, where, partial(fill, values=wanted.values))
    if not wanted.around:
        said = f"what it would run is not known here: {record.runbook} is another page here than where it is run, or there is none"
        text.mention()
        text.mention(f"  {said}; see: opskit log {record.id}", colour="yellow", wrap=True)
    text.mention()
    text.mention(f"Approve: {walking.plain(wanted.text)}", bold=True, wrap=True)


def show(record: RunRecord, event: Event, *, as_json: bool) -> int:
    """Show what was approved."""
    step = str(event.body.get("step", ""))
    if as_json:
        data = {"run": record.id, "step": step, "event": event.id}
        return envelope.show("runbook approve", data)
    text.say(f"approved {record.title_of(step)} of run {record.id}")
    text.say(f"  whoever runs it goes on: opskit runbook resume {record.id}")
    return 0


def show_given(record: RunRecord, step: str, given: Done, *, as_json: bool) -> int:
    """Show that a step was approved before: nothing is written a second time."""
    if as_json:
        data = {"run": record.id, "step": step, "approved_by": given.actor}
        return envelope.show("runbook approve", data)
    at = text.ago(datetime.fromtimestamp(given.at_ms / 1000, UTC), datetime.now(UTC))
    said = f"{record.title_of(step)} of run {record.id} is approved already"
    text.say(f"{said}: by {given.actor}, {at}", wrap=True)
    text.say(f"  whoever runs it goes on: opskit runbook resume {record.id}")
    return 0


def _whose(record: RunRecord, wanted: Wanted) -> None:
    """Show whose run it is, for what, and since when it waits."""
    from opskit.changelog.runwords import pair

    now = datetime.now(UTC)
    asked = datetime.fromtimestamp(wanted.at_ms / 1000, UTC)
    about = ": ".join(filter(None, (record.incident, record.why)))
    text.mention(f"run {record.id} of {record.runbook}, in {record.environment}", bold=True, wrap=True)  # fmt: skip
    who = f"  {record.people[-1]} runs it on {record.runs_on}, and asked {text.ago(asked, now)}"
    text.mention(f"{who}{f'; {about}' if about else ''}", wrap=True)
    for name, value in wanted.values.items():
        if value:
            text.mention(f"  {pair(name, value)}", wrap=True)
