"""What is to be known before a runbook is followed, on standard error: a line for each thing, what is open in yellow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.runrecords import DRILL
from opskit.cli.render import terminal, text
from opskit.cli.render.books import freshness_lines
from opskit.cli.render.log import what
from opskit.cli.render.marks import marks, who
from opskit.cli.render.releases import releases
from opskit.cli.render.runs import open_lines
from opskit.cli.render.statuses import trouble

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from opskit.changelog import RolloutRecord, RunRecord
    from opskit.rollout.status import ServiceStatus
    from opskit.runbook.headup import HeadUp

WELL = ("ok", "empty", "running")


def mention(found: HeadUp, now: datetime) -> None:
    """Show what the changelog and opskit.toml tell."""
    text.mention(f"{found.title}, in {found.environment}", bold=True, wrap=True)
    for line in found.frozen:
        _line(line, "cyan")
    for rollout in found.rollouts:
        _line(_rollout(rollout, now), "" if rollout.outcome == "done" else "yellow")
    if not found.rollouts and not found.unread:
        _line("nothing was rolled out on its services, as far as is known here")
    told = {run.id for run in found.open_runs}
    for run in (each for each in found.runs if each.id not in told):
        _line(_run(run, now), "" if run.outcome == "done" else "yellow")
    for line in _open(found):
        _line(line, "yellow")
    for name, said in freshness_lines(found.freshness, now) if found.freshness else ():
        if name == "too old":
            _line(f"this page is too old: {said}", "yellow")


def mention_asking(services: Sequence[str]) -> None:
    """Say that hosts are asked, which takes a while if one is gone."""
    if services and terminal.is_answerable():
        text.mention(f"  asking the hosts of {', '.join(services)} …", colour="bright_black")


def mention_hosts(found: HeadUp) -> None:
    """Show what hosts say that is not as it should be."""
    lines = [line for service in found.hosts for line in (*trouble(service), *_bad(service))]
    for line in (*lines, *(f"not asked: {line}" for line in found.unasked)):
        _line(line, "yellow")
    if found.hosts and not lines:
        _line("no host says that anything is not as the changelog has it")


def _open(found: HeadUp) -> Iterator[str]:
    yield from open_lines(found.open_runs)
    for name in found.unknown:
        yield f"there is no service {name} in {found.environment}"
    if found.unread:
        yield f"what was done lately is not known: {found.unread}"


def _rollout(record: RolloutRecord, now: datetime) -> str:
    to = releases(record)
    said = " ".join(filter(None, (what(record), to and f"({to})", *marks(record))))
    why = f": {record.why}" if record.why else ""
    return f"{text.ago(record.at, now)}: {said} by {who(record)} is {record.outcome}, {record.id}{why}"


def _run(record: RunRecord, now: datetime) -> str:
    kind = "drill" if record.mode == DRILL else "run"
    why = f": {record.reason}" if record.reason else ""
    said = " ".join(
        (f"{text.ago(record.at, now)}: {kind} of this runbook by {record.actor}", *marks(record))
    )
    return f"{said} is {record.outcome}, {record.id}{why}"


def _bad(service: ServiceStatus) -> Iterator[str]:
    for host in service.hosts:
        if host.verdict not in WELL:
            yield f"{host.host} is {host.verdict}{f': {host.note}' if host.note else ''}"


def _line(line: str, colour: str = "") -> None:
    text.mention(f"  {terminal.visible(line, one_line=True)}", colour=colour, wrap=True)
