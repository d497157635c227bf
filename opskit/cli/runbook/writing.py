"""Pages that opskit writes: a runbook to begin with, and the report of a run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opskit.cli import init, sharing, wiring
from opskit.cli.render import envelope, terminal, text
from opskit.errors import RefusedError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opskit.changelog import Changelog, RolloutRecord, RunRecord

ID = re.compile(r"[a-z0-9-]{1,100}")


def text_of(
    name: str,
    title: str | None,
    service: str | None,
    environment: str | None,
    source: str | None,
) -> str:
    """Give the text of a new runbook; raises UsageError, UnknownNameError."""
    from opskit.runbook.draft import blank, drafted

    if not ID.fullmatch(name):
        raise UsageError(f"{name[:100]!r} is no id: a-z, 0-9 and `-`", hint="like: disk-full")
    config, today = wiring.read_config(), datetime.now().astimezone().date()
    called = title or name.strip("-").replace("-", " ").capitalize()
    if source and service:
        raise UsageError("--from-run says which services it is about", hint="leave --service out")
    if source:
        with sharing.open_changelog(config) as changelog:
            return drafted(name, *_done(changelog, source), title=called, today=today)
    about = config.service(service, environment) if service else None
    return blank(name, called, today=today, service=about)


def write(name: str, content: str, *, as_json: bool) -> int:
    """Write a new runbook, and say so; raises RefusedError if there is one."""
    from opskit.runbook import shelf

    config = wiring.read_config()
    file = config.root / shelf.FOLDER / f"{name}.md"
    if not init.write_new(file, content):
        raise RefusedError(f"{file} exists", hint="take another id, or edit it")
    if as_json:
        return envelope.show("runbook new", {"file": file, "runbook": name})
    text.say(f"wrote {file}")
    text.mention(
        f"next: edit it, then opskit runbook lint {file}, opskit runbook run {name} --drill"
    )
    return 0


def report_of(run: str, *, as_html: bool) -> str:
    """Give the report of a run; raises UnknownNameError."""
    from opskit.runbook import report, webreport

    config, now = wiring.read_config(whole=False), datetime.now(UTC)
    with sharing.open_changelog(config) as changelog:
        (record,) = changelog.judged([changelog.run(run)], config.changelog, whole=True)
        rollouts = report.around(changelog, record, now)
    said = report.markdown(record, rollouts, now=now, plain=as_html)
    return webreport.page(said, f"run {record.id}") if as_html else said


def hand_over(run: str, content: str, file: Path | None, *, as_json: bool) -> int:
    """Write a report to a file that is not there yet, or print it; raises RefusedError."""
    if file and not init.write_new(file, content):
        raise RefusedError(f"{file} exists", hint="take another name, or remove it first")
    if as_json:
        data = {"run": run, "file": file.absolute()} if file else {"run": run, "report": content}
        return envelope.show("runbook report", data)
    if file:
        text.say(f"wrote {file}")
    else:
        text.say(terminal.visible(content).rstrip("\n"))
    return 0


def _done(
    changelog: Changelog, source: str
) -> tuple[Sequence[RunRecord], Sequence[RolloutRecord]]:
    """Give the runs and rollouts that an id means: one, or those of an incident."""
    from opskit.changelog import Filter, RunRecord

    of_incident = Filter(incident=source, limit=100)
    runs, rollouts = changelog.runs(of_incident), changelog.rollouts(of_incident)
    if runs or rollouts:
        return runs, rollouts
    try:
        record = changelog.record(source)
    except UnknownNameError as error:
        hint = error.hint or "opskit log shows the ids of runs and rollouts"
        raise UnknownNameError(f"no run, rollout or incident {source[:80]!r}", hint=hint) from None
    return ([record], ()) if isinstance(record, RunRecord) else ((), [record])
