"""The changelog as lines: one for each rollout, run of a runbook or note, in columns that fit the reader's screen."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from opskit.changelog import NoteEntry, RolloutRecord, RunRecord, VerdictEntry
from opskit.changelog.records import BY_SUDO
from opskit.changelog.ruling import holding
from opskit.cli.render import kinds, terminal, text
from opskit.cli.render.fitting import (
    HEADER,
    RELEASE,
    SHORTENED,
    WHEN,
    WHERE,
    WHO,
    WHY,
    fitted,
    has_room,
    padded,
    wider,
)
from opskit.cli.render.marks import marks, who, written_down
from opskit.cli.render.releases import release_in_short, releases
from opskit.cli.render.runs import how_to_go_on, named_run, what_run, why_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from opskit.changelog import Entry

MONTHS = 300  # days for which a date needs no year
SHOWN_OF_SCRIPT = 30  # characters
UNATTESTED = ("[unattested]", "[unatt.]")  # and the same in few words
DOUBTFUL = {"revoked": "red", "forked": "red"}


@dataclasses.dataclass
class Lines:
    """Prints entries in aligned columns; what comes later keeps the widths of what came before.

    With `now`, a person at a terminal reads how long ago something was; None is for lines that
    stay. `one_place` leaves the environment out for that person, since all is in the same.
    """

    now: datetime | None
    one_place: bool = False
    widths: Sequence[int] = (0,) * len(HEADER)
    gap: int = 2
    shortened: int = 0
    """How many columns of SHORTENED are said in fewer words."""

    def show(self, entries: Sequence[Entry], *, header: bool = True) -> None:
        """Print a line for each entry, under a header if asked for."""
        short = self.one_place and terminal.is_terminal()
        forms = [_forms(entry, self.now, one_place=short) for entry in entries]
        rows = self._made_to_fit(forms, [HEADER] if header else [])
        if header:
            text.say(self._line(HEADER), bold=True)
        for entry, row in zip(entries, rows, strict=True):
            text.say(self._line(row), colour=colour_of(entry))

    def _made_to_fit(
        self, forms: Sequence[_Forms], header: Sequence[Sequence[str]]
    ) -> list[list[str]]:
        """Give the rows in as few words as the screen asks for, and set the widths of the columns."""
        rows = [_said(each, self.shortened) for each in forms]
        whole = wider(self.widths, [*header, *rows])
        if not terminal.is_terminal():
            self.widths = whole
            return rows
        while self.shortened < len(SHORTENED) and not has_room(whole, terminal.screen_width()):
            self.shortened += 1
            rows = [_said(each, self.shortened) for each in forms]
            whole = wider((0,) * len(HEADER), [*header, *rows])
        self.widths, self.gap = fitted(whole, terminal.screen_width())
        self._say_what_is_missing(whole)
        return rows

    def _say_what_is_missing(self, whole: Sequence[int]) -> None:
        pairs = zip(HEADER, whole, self.widths, strict=True)
        if missing := [name for name, natural, left in pairs if natural and not left]:
            text.mention(f"no room for {', '.join(missing)}: make the window wider")

    def _line(self, row: Sequence[str]) -> str:
        kept = [padded(cell, width) for cell, width in zip(row, self.widths, strict=True) if width]
        line = (" " * self.gap).join(kept).rstrip()
        return text.cut(line, terminal.screen_width()) if terminal.is_terminal() else line


def is_open(record: RolloutRecord) -> bool:
    """Tell whether it never ended, and somebody can go on with it."""
    return record.outcome == "unfinished" and record.is_rolling


def mention_unfinished(entries: Sequence[Entry]) -> None:
    """Say on standard error how to go on with rollouts that never ended, and with runs that have not."""
    for entry in entries:
        if isinstance(entry, RolloutRecord) and is_open(entry):
            said = f"{entry.action} {entry.id} never ended: opskit resume {entry.id}"
            text.mention(said, colour="yellow")
        elif isinstance(entry, RunRecord) and entry.is_open:
            text.mention(f"{named_run(entry)} {how_to_go_on(entry)}", colour="yellow")


_Forms = tuple[list[str], list[str]]
"""An entry's cells, and the same in few words."""


def _said(forms: _Forms, shortened: int) -> list[str]:
    """Give the cells of an entry, as many columns of SHORTENED in few words."""
    whole, short = forms
    few = SHORTENED[:shortened]
    return [short[n] if n in few else whole[n] for n in range(len(HEADER))]


def _forms(entry: Entry, now: datetime | None, *, one_place: bool) -> _Forms:
    whole = cells(entry, now, one_place=one_place)
    if not terminal.is_terminal():
        return whole, whole
    short = [*whole]
    short[WHO] = who(entry, in_short=True)
    short[WHY] = whole[WHY].replace(*UNATTESTED, 1) if marks(entry) else whole[WHY]
    short[WHEN] = briefly(entry.at, now) if now else whole[WHEN]
    if isinstance(entry, RolloutRecord):
        short[RELEASE] = release_in_short(entry)
        short[WHERE] = _counted([host.name for host in entry.hosts], whole[WHERE])
    elif isinstance(entry, NoteEntry | RunRecord):
        short[WHERE] = _counted(entry.hosts, whole[WHERE])
    return whole, [terminal.visible(cell, one_line=True) for cell in short]


def _counted(hosts: Sequence[str], whole: str) -> str:
    return text.plural(len(hosts), "host") if len(hosts) > 1 else whole


def cells(entry: Entry, now: datetime | None, *, one_place: bool = False) -> list[str]:
    """Give an entry's cells, in the order of HEADER, each on one line and harmless to a terminal."""
    environment, hosts, told = _told(entry)
    where = hosts if one_place else f"{environment} {hosts}".strip()
    ruled = ruling(entry)
    over = "[override]" if isinstance(entry, RolloutRecord) and entry.overrides else ""
    during = getattr(entry, "during", "")
    inside = f"[run {during}]" if during else ""
    about = " ".join(word for word in (*marks(entry), ruled, over, inside, told[3]) if word)
    row = [entry.id, when(entry.at, now), who(entry), *told[:2], where, told[2], about]
    return [terminal.visible(cell, one_line=True) for cell in row]


def _told(entry: Entry) -> tuple[str, str, tuple[str, str, str, str]]:
    """Give environment, hosts, and (what, releases, outcome, why)."""
    if isinstance(entry, RolloutRecord):
        hosts = text.folded([host.name for host in entry.hosts])
        told = (what(entry), releases(entry), entry.outcome, entry.why or written_down(entry))
        return entry.environment, hosts, told
    if isinstance(entry, RunRecord):
        return (
            entry.environment,
            text.folded(entry.hosts),
            (what_run(entry), "", entry.outcome, why_run(entry)),
        )
    if isinstance(entry, NoteEntry):
        about = entry.rollout or entry.service
        told = (f"note {about}".strip(), "", "", entry.text)
        return entry.environment, text.folded(entry.hosts), told
    if isinstance(entry, VerdictEntry):
        told = (f"{entry.verdict or 'verdict'} {entry.rollout}", "", "", entry.why)
        return entry.environment, "", told
    did, why = kinds.told(entry)
    return entry.event.header.environment, "", (did, "", "", why)


def ruling(entry: Entry) -> str:
    """Give `[guilty]` or `[innocent]` for a rollout or a run on which there is a verdict that holds."""
    given = entry.verdicts if isinstance(entry, RolloutRecord | RunRecord) else ()
    held = holding(given)
    return f"[{held.verdict}]" if held else ""


def environment_of(entry: Entry) -> str:
    """Give the environment that an entry is about, "" for none."""
    return _told(entry)[0]


def what(record: RolloutRecord) -> str:
    """Give what a rollout did to what: `deploy shop`, `task clear-cache`, `exec uptime by sudo as root`."""
    action = record.action or "rollout"
    by = next((said for said in record.remarks if said.startswith(BY_SUDO)), "")
    return " ".join(
        word for word in (action, record.service, record.task, _short(record.script), by) if word
    )


def when(at: datetime, now: datetime | None) -> str:
    """Give a time: how long ago for a person at a terminal, else the local time, which stays true."""
    if not (now and terminal.is_terminal()):
        return local(at)
    return text.ago(at, now)


def briefly(at: datetime, now: datetime) -> str:
    """Give a time in 7 characters or less: `12 min`, `3 d`, `23 Nov`, `2026-11`."""
    ago = text.ago(at, now)
    if ago[:4].isdigit():
        return f"{at.astimezone():{'%d %b' if abs((now - at).days) < MONTHS else '%Y-%m'}}"
    return ago.removesuffix(" ago").removeprefix("just ")


def local(at: datetime) -> str:
    """Give a time in the local zone, to the second."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def colour_of(entry: Entry) -> str:
    """Give the colour of an entry's line: none for what is done or needs no attention."""
    outcome = entry.outcome if isinstance(entry, RolloutRecord | RunRecord) else ""
    colour = "" if outcome == "done" else text.Status(outcome).colour
    return DOUBTFUL.get(entry.standing, "") or colour


def show_csv(rows: Iterable[Sequence[object]]) -> None:
    """Print rows as CSV; no cell holds a line break, none is a formula to a spreadsheet."""
    import csv
    import io

    for row in rows:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([_harmless(cell) for cell in row])
        click.echo(line.getvalue())


def _harmless(cell: object) -> str:
    shown = terminal.visible(str(cell), one_line=True)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown


def _short(script: str) -> str:
    """Give the beginning of a command's first line; the rollout's own page has all of it."""
    first, _, rest = script.partition("\n")
    return f"{first[:SHOWN_OF_SCRIPT]}…" if rest or len(first) > SHOWN_OF_SCRIPT else first
