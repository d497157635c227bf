"""One rollout on one page: who, when, why, what happened on each host, and what people wrote about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.cli.render import opinions, terminal, text
from opskit.cli.render.kinds import raw
from opskit.cli.render.log import colour_of, local, what
from opskit.cli.render.marks import signature
from opskit.cli.render.releases import from_to
from opskit.cli.render.text import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from opskit.changelog import HostRecord, RolloutRecord
    from opskit.changelog.records import Resumption

KNOWN_KINDS = {
    "rollout.started",
    "rollout.hosts",
    "rollout.finished",
    "rollout.abandoned",
    "rollout.recovered",
    "rollout.resumed",
    "note",
    "verdict",
}
OPEN = ("unfinished", "interrupted", "abandoned")
OUTPUT_LINES = 20
SHOWN_EVENTS = 8
MENTIONED_CLOCK_S = 60


def show(record: RolloutRecord, now: datetime, *, retried_by: Sequence[str] = ()) -> None:
    """Print all that the changelog knows of a rollout."""
    text.say(_one(f"{what(record)}: {record.outcome}"), colour=colour_of(record), bold=True)
    for name, value in (*_facts(record, now), ("retried", ", ".join(retried_by))):
        if value:
            text.say(f"  {name:<8}  {_one(value)}")
    _show_hosts(record)
    _show_commits(record)
    for line in record.output.splitlines()[-OUTPUT_LINES:]:
        text.say(f"  | {_one(line)}")
    for host in record.hosts:
        _show_output(host)
    for host in record.earlier:
        _show_output(host, before=", before somebody went on")
    for note in record.notes:
        said = note.text or (f"[{note.damage}]" if note.damage else "")
        text.say(f"\nnote by {_one(note.actor)}, {local(note.at)}\n{_indented(said)}")
    opinions.show(record.verdicts)
    _show_unknown(record)


def _facts(record: RolloutRecord, now: datetime) -> Iterator[tuple[str, str]]:
    yield "rollout", record.id
    yield "when", f"{local(record.at)} ({text.ago(record.at, now)}){_took(record)}"
    yield "clock", _clock(record)
    yield "who", record.actor + (f", on {record.machine}" if record.machine else "")
    yield "signed", signature(record)
    yield "where", record.environment
    yield (
        "release",
        from_to([r.title for r in record.before], ", ".join(r.title for r in record.after)),
    )
    yield "one way", record.to.irreversible if record.to else ""
    yield "why", record.why
    for override in record.overrides:
        yield "override", f"{override.why} ({override.rule}: {override.what})"
    yield "retry of", ", ".join(record.retries)
    yield "in run", f"{record.during}: opskit log {record.during}" if record.during else ""
    yield "incident", record.incident
    for resumed in record.resumed:
        yield "reverted" if resumed.revert else "resumed", _resumption(resumed)
    yield "reason", record.reason
    yield "planned", _plan_and_fact(record)
    if record.is_rolling and record.outcome in OPEN:
        back = ", or with --revert" if record.service else ""
        yield "next", f"opskit resume {record.id}{back}"
    yield "command", " ".join(_quoted(word) for word in record.command)
    yield "script", record.script
    for remark in record.remarks:
        yield "remark", remark
    kinds = ", ".join(f"{event.id} {event.header.kind}" for event in record.events[:SHOWN_EVENTS])
    more = len(record.events) - SHOWN_EVENTS
    yield "events", f"{kinds}, and {more} more" if more > 0 else kinds
    for doubt in record.doubts:
        yield "doubt", doubt


def _took(record: RolloutRecord) -> str:
    """Say how long it took; of one that was resumed, how long its last run did, and when that ended."""
    if record.ms is None:
        return ""
    took = text.duration(record.ms / 1000)
    return (
        f", ended {local(record.ended)}: the last run took {took}"
        if record.ended
        else f", took {took}"
    )


def _plan_and_fact(record: RolloutRecord) -> str:
    """Say what the plan said could go wrong at most, and what did; nothing if the plan said nothing."""
    if not record.most_bad:
        return ""
    longest = f" for {_host_minutes(record.worst_ms)}" if record.worst_ms else ""
    most = f"at most {text.plural(record.most_bad, 'host')} bad{longest}"
    bad = len({host.name for host in record.bad})
    fact = f"{text.plural(bad, 'host')} for {_host_minutes(record.bad_ms)}" if bad else ""
    if untold := record.untold:
        unknown = f"nobody knows of {text.folded([host.name for host in untold])}"
        fact = ", and ".join(filter(None, (fact, unknown)))
    none = "none is so far" if record.outcome == "running" else "none was"
    return f"{most}; in fact {fact or none}"


def _host_minutes(ms: int) -> str:
    minutes = max(round(ms / 60_000, 1), 0.1)
    return f"{minutes:g} host-minute{'' if minutes == 1 else 's'}"


def _clock(record: RolloutRecord) -> str:
    """Give how wrong the clock was of whoever began the rollout; nothing for less than a minute, which happens."""
    off = abs(record.fast_ms) / 1000
    if off < MENTIONED_CLOCK_S:
        return ""
    how = "fast" if record.fast_ms > 0 else "slow"
    return f"the clock there was {text.duration(off)} {how}; the time shown is set right"


def _resumption(resumed: Resumption) -> str:
    where = f", on {resumed.machine}" if resumed.machine else ""
    why = f": {resumed.why}" if resumed.why else ""
    during = f", in run {resumed.during}" if resumed.during else ""
    return f"{local(resumed.at)} by {resumed.actor}{where}{during}{why}"


def _quoted(word: str) -> str:
    from shlex import quote

    return quote(word)


def _show_hosts(record: RolloutRecord) -> None:
    if not record.hosts:
        return
    counts = ", ".join(f"{count} {outcome}" for outcome, count in record.counts.items())
    text.say(_one(f"\n{text.plural(len(record.hosts), 'host')}: {counts}"), bold=True)
    header = ("HOST", "BATCH", "OUTCOME", "FROM", "RUNS NOW", "TOOK", "STEPS")
    titles = {release.release: release.title for release in (*record.before, *record.after)}
    lines = text.columns(header, [_host_row(host, titles) for host in record.hosts])
    text.say(lines[0], bold=True)
    for host, line in zip(record.hosts, lines[1:], strict=True):
        text.say(line, colour=Status(host.outcome).colour)
    if unknown := [host.name for host in record.hosts if _is_lost(record, host)]:
        them = "it" if len(unknown) == 1 else "them"
        asks = f"; opskit status {record.service} asks {them}" if record.service else ""
        text.say(
            _one(
                f"  it died amid {text.folded(unknown)}: nobody wrote down what came of {them}{asks}"
            )
        )


def _is_lost(record: RolloutRecord, host: HostRecord) -> bool:
    return host.outcome == "unknown" and host.at is None and not record.recorder


def _host_row(host: HostRecord, titles: Mapping[str, str]) -> tuple[str | Status, ...]:
    steps = ", ".join(f"{step.step} {text.duration(step.ms / 1000)}" for step in host.steps)
    return (
        host.name,
        str(host.batch or ""),
        Status(host.outcome),
        host.before.title if host.before else "",
        titles.get(host.live, host.live),
        text.duration(host.ms / 1000) if host.at else "",
        steps,
    )


def _show_commits(record: RolloutRecord) -> None:
    if record.commits:
        text.say(f"\n{text.plural(len(record.commits), 'commit')}, the newest first", bold=True)
    for commit in record.commits:
        text.say(_one(f"  {commit.sha[:10]}  {commit.subject}  ({commit.author})"))


def _show_output(host: HostRecord, *, before: str = "") -> None:
    if not (host.error or host.output):
        return
    text.say(_one(f"\n{host.name}{before}: {host.error or host.outcome}"), bold=True)
    for line in host.output.splitlines()[-OUTPUT_LINES:]:
        text.say(f"  | {_one(line)}")


def _show_unknown(record: RolloutRecord) -> None:
    for event in record.events:
        if event.header.kind not in KNOWN_KINDS:
            text.say(_one(f"\n{event.header.kind} {raw(event.body)}"))
        elif event.damage:
            text.say(_one(f"\n{event.header.kind} {event.id}: its body is {event.damage}"))


def _one(line: str) -> str:
    first = "\n" if line.startswith("\n") else ""
    return first + terminal.visible(line.removeprefix("\n"), one_line=True)


def _indented(said: str) -> str:
    return "\n".join(f"  {line}" for line in said.splitlines())
