"""What happened in a run, for those who write the postmortem: one page of Markdown, which is the draft of a runbook, too.

All that stands in events is data: see `quoting`. The timeline stands above the first step; each step has its commands as they were run, so
that the page can be followed once more, with what they said as text that is only shown.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.changelog.runrecords import BEGAN, ENDED
from opskit.changelog.runwords import number_of
from opskit.runbook import quoting, told, writing
from opskit.runbook.parse import LARGEST
from opskit.runbook.quoting import inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, tzinfo

    from opskit.changelog import Changelog, RolloutRecord, RunRecord
    from opskit.changelog.runrecords import Act, Printed

BEFORE = timedelta(hours=1)
MOST_ROLLOUTS = 100
LINES = 40
"""Of what a command said on one host, the end."""
ROOMS = ((4000, 5000), (1000, 2000), (400, 500), (100, 100))
"""How many characters of an output, and of a command, and how many of the things that happened stand in a report: as many as fit on a page."""


def around(changelog: Changelog, record: RunRecord, now: datetime) -> tuple[RolloutRecord, ...]:
    """Give the rollouts done in a run, and those on its services from an hour before it until its end, the oldest first.

    Raises ChangelogError.
    """
    since, until = record.at - BEFORE, ended(record, now)
    wanted = Filter(since=since, until=until + timedelta(seconds=1), limit=MOST_ROLLOUTS)
    asked = [wanted._replace(service=s, environment=record.environment) for s in record.services]
    every = (*asked, Filter(during=record.id, limit=MOST_ROLLOUTS))
    found = {rollout.id: rollout for each in every for rollout in changelog.rollouts(each)}
    return tuple(sorted(found.values(), key=lambda rollout: rollout.at))


def ended(record: RunRecord, now: datetime) -> datetime:
    """Give when a run came to its end, or was left; `now` for one that goes on."""
    if record.ms is None:
        return now
    turns = (record.at, *(act.at for act in record.acts), *(goer.at for goer in record.resumed))
    return max(turns)


def markdown(
    record: RunRecord,
    rollouts: Sequence[RolloutRecord],
    *,
    now: datetime,
    zone: tzinfo | None = None,
    plain: bool = False,
) -> str:
    """Give the report of a run; `zone` is that of the local times, this machine's if None.

    A `plain` one is only read: without front matter and comments.
    """
    text = ""
    for most, acts in ROOMS:
        writer = _Writer(record, zone, most=most, acts=acts, plain=plain)
        text = writer.page(rollouts, now)
        if len(text.encode()) <= LARGEST:
            break
    return text


class _Writer:
    """Writes a report: the last so many `acts`, and `most` characters of each output and command."""

    def __init__(
        self, record: RunRecord, zone: tzinfo | None, *, most: int, acts: int, plain: bool
    ) -> None:
        self._left = max(0, len(record.acts) - acts)
        self._record = record._replace(acts=record.acts[self._left :])
        self._acts = writing.by_step(self._record)
        self._titles = writing.headings({step: record.title_of(step) for step in self._acts})
        self._zone, self._most, self._plain = zone, most, plain

    def page(self, rollouts: Sequence[RolloutRecord], now: datetime) -> str:
        """Give the whole report."""
        record = self._record
        parts = [
            f"# Run {inline(record.id)}: {inline(record.title or record.runbook)}",
            "\n".join(f"- {name}: {said}" for name, said in self._facts(now)),
            "### Timeline",
            self.timeline(told.moments(record, rollouts)),
            *(self.around(rollouts) if rollouts else ()),
        ]
        for step, acts in self._acts.items():
            parts += [self._titles[step].text, *self.step(acts)]
        if not self._acts:
            parts += writing.NOTHING
        if not self._plain:
            name, params = f"run-{record.id}", writing.values_of(record)
            parts.insert(0, writing.front(name, services=record.services, params=params))
        return "\n\n".join(parts) + "\n"

    def both(self, at: datetime) -> str:
        """Give a time in UTC, and in the local zone."""
        local = at.astimezone(self._zone)
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC ({inline(f'{local:%H:%M:%S %Z}')})"

    def timeline(self, moments: Sequence[told.Moment]) -> str:
        """Give what happened as a table."""
        rows = [
            (
                self._utc(each.at),
                self._local(each.at),
                inline(each.who, 100),
                inline(each.what, 300),
            )
            for each in moments
        ]
        return _table(("UTC", "local", "who", "what"), rows)

    def around(self, rollouts: Sequence[RolloutRecord]) -> Iterator[str]:
        """Give the rollouts on the same services, and those that the run did."""
        yield "### Rollouts around it"
        rows = [
            (
                self._utc(each.at), self._local(each.at), inline(each.actor, 100), inline(told.what(each), 200),
                inline(f"{each.outcome}{', in this run' if told.is_inside(self._record, each) else ''}", 100),
                inline(f"{each.id} {each.why}".strip(), 200),
            )
            for each in rollouts
        ]  # fmt: skip
        yield _table(("UTC", "local", "who", "what", "outcome", "id, why"), rows)

    def step(self, acts: Sequence[Act]) -> Iterator[str]:
        """Give what happened in one step: each question, each command as it was run, and what it said on each host."""
        again = writing.Again(self._record, self._titles.get)
        for act in acts:
            has_command = act.what == BEGAN and bool(act.script.strip())
            said = f"on {told.where(act.hosts)}" if has_command else told.act(self._record, act)
            when = f"{self._utc(act.at)} UTC, {inline(act.actor, 100)}: {inline(said, self._most)}"
            shown = self._once_more(act, again)
            yield from (when, *shown) if has_command else (*shown, when)
            if act.what == ENDED:
                yield from self._results(act)

    def _once_more(self, act: Act, again: writing.Again) -> tuple[str, ...]:
        """Give what was asked or run, as it is once more; what was run more than once, and what is too long, is only shown."""
        script = act.script[: self._most]
        if act.what == BEGAN and script.strip() and (self._plain or script != act.script):
            return (quoting.fence(script),)
        said = "" if self._plain else again.of(act)
        if not said and act.what == BEGAN and script.strip():
            said = quoting.fence(script)
        return (said,) if said else ()

    def _results(self, act: Act) -> Iterator[str]:
        """Give what came of a command; hosts that said the same stand together."""
        same: dict[tuple[object, ...], list[Printed]] = {}
        for result in act.results:
            key = (result.outcome, result.exit, result.error, result.output)
            same.setdefault(key, []).append(result)
        for results in same.values():
            one, seconds = results[0], max(result.ms for result in results) / 1000
            code = "" if one.exit is None else f", exit {one.exit}"
            error = f": {inline(one.error, self._most)}" if one.error else ""
            where = inline(told.where([result.name for result in results]), self._most)
            yield f"On {where}: {inline(one.outcome, 100)}{code}, {seconds:.1f} s{error}"
            if one.output.strip():
                yield quoting.fence(self._trimmed(one.output))

    def _trimmed(self, output: str) -> str:
        """Give the end of an output, and say that something is left out."""
        lines = output[-self._most :].rstrip().split("\n")
        kept = "\n".join(lines[-LINES:])
        return f"[…]\n{kept}" if len(lines) > LINES or len(output) > self._most else kept

    def _utc(self, at: datetime) -> str:
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

    def _local(self, at: datetime) -> str:
        return inline(f"{at.astimezone(self._zone):%H:%M:%S %Z}")

    def _facts(self, now: datetime) -> Iterator[tuple[str, str]]:
        """Give what is to be known of a run, as lines of Markdown by their names; only those that there are."""
        record = self._record
        yield (
            "Runbook",
            inline(
                f"{record.runbook} {f'({PurePath(record.file).name})' if record.file else ''}".strip()
            ),
        )
        yield "Outcome", inline(": ".join(filter(None, (record.outcome, record.reason))))
        end, has_end = ended(record, now), record.ms is not None
        yield "From", self.both(record.at)
        yield "To", self.both(end) if has_end else f"{self.both(end)}, not over yet"
        yield "By", inline(", ".join(record.people))
        given = ", ".join(f"{each.name}={each.value}" for each in record.params)
        names = {
            "Mode": record.mode, "Incident": record.incident, "Why": record.why, "Environment": record.environment,
            "Services": ", ".join(record.services), "Given": given, "Secrets, kept nowhere": ", ".join(record.secrets),
            "Begun at": number_of(record, record.start) if record.start else "", "Signed by": record.principal, "Not certain": record.doubt,
        }  # fmt: skip
        yield from ((name, inline(said)) for name, said in names.items() if said)
        for each in record.liabilities:
            yield "Still open", inline(told.owed(record, each))
        for doubt in record.doubts:
            yield "Not certain", inline(doubt)
        if self._left:
            yield "Left out", f"{self._left} things that happened earlier"
        yield "Written", self.both(now)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
