"""The changelog as lines: one for each rollout or note, in columns that fit the reader's screen."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from opskit.changelog import NoteEntry, RolloutRecord
from opskit.cli.render import terminal, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from opskit.changelog import Entry, Release

HEADER = ("ID", "WHEN", "WHO", "WHAT", "RELEASE", "WHERE", "OUTCOME", "WHY")
# What may be cut where the screen is narrow, in that order: a column, and how much of it must
# stay. At 80 columns that is enough; below, whole columns are left out, one after the other, and
# that is said. The last resort is the end of the line.
SHRINKING = ((2, 8), (7, 20), (5, 8), (2, 4), (3, 10), (7, 8), (4, 13))
LEFT_OUT = ((), (5,), (5, 2), (5, 2, 4))
RELEASE = 4  # whose end tells more than its beginning
GAPS = (2, 1)
NARROW = 100
MONTHS = 300  # days for which a date needs no year
SHOWN_OF_SCRIPT = 30  # characters
ATTESTED = "attested"
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
    gap: int = GAPS[0]

    def show(self, entries: Sequence[Entry], *, header: bool = True) -> None:
        """Print a line for each entry, under a header if asked for."""
        short = self.one_place and terminal.is_terminal()
        rows = [cells(entry, self.now, one_place=short) for entry in entries]
        table = [list(HEADER), *rows] if header else rows
        self._make_room(table)
        if header:
            text.say(self._line(HEADER), bold=True)
        for entry, row in zip(entries, rows, strict=True):
            text.say(self._line(row), colour=colour_of(entry))

    def _make_room(self, table: Iterable[Sequence[str]]) -> None:
        columns = zip(
            self.widths, *([terminal.width_of(c) for c in row] for row in table), strict=True
        )
        self.widths = [max(column) for column in columns]
        if terminal.is_terminal():
            whole = self.widths
            self.widths, self.gap = fitted(whole, terminal.screen_width())
            self._say_what_is_missing(whole)

    def _say_what_is_missing(self, whole: Sequence[int]) -> None:
        pairs = zip(HEADER, whole, self.widths, strict=True)
        if missing := [name for name, natural, left in pairs if natural and not left]:
            text.mention(f"no room for {', '.join(missing)}: make the window wider")

    def _line(self, row: Sequence[str]) -> str:
        kept = [
            padded(cell, width, keep_end=column == RELEASE)
            for column, (cell, width) in enumerate(zip(row, self.widths, strict=True))
            if width
        ]
        line = (" " * self.gap).join(kept).rstrip()
        return text.cut(line, terminal.screen_width()) if terminal.is_terminal() else line


def cells(entry: Entry, now: datetime | None, *, one_place: bool = False) -> list[str]:
    """Give an entry's cells, in the order of HEADER, each on one line and harmless to a terminal."""
    environment, hosts, told = _told(entry)
    where = hosts if one_place else f"{environment} {hosts}".strip()
    about = " ".join(word for word in (mark(entry), told[3]) if word)
    row = [entry.id, when(entry.at, now), who(entry), *told[:2], where, told[2], about]
    return [terminal.visible(cell, one_line=True) for cell in row]


def _told(entry: Entry) -> tuple[str, str, tuple[str, str, str, str]]:
    """Give environment, hosts, and (what, releases, outcome, why)."""
    if isinstance(entry, RolloutRecord):
        hosts = folded([host.name for host in entry.hosts])
        told = (what(entry), releases(entry), entry.outcome, entry.why)
        return entry.environment, hosts, told
    if isinstance(entry, NoteEntry):
        about = entry.rollout or entry.service
        told = (f"note {about}".strip(), "", "", entry.text)
        return entry.environment, folded(entry.hosts), told
    header, body = entry.event.header, entry.event.body
    if header.kind == "writer.revoked":
        whose = str(body.get("writer", ""))[:12]
        return "", "", (f"revoked writer {whose}", "", "", str(body.get("why", "")))
    return header.environment, "", (header.kind, "", "", raw(body))


def who(entry: Entry) -> str:
    """Give who acted: what was typed; and who signed for it, where that is somebody else."""
    typed, signed = (name.partition("@")[0].casefold() for name in (entry.actor, entry.principal))
    return f"{entry.actor} ({entry.principal})" if signed not in ("", typed) else entry.actor


def mark(entry: Entry) -> str:
    """Give `[unattested]`, `[revoked]` or `[forked]` for what nobody vouches for, else nothing."""
    return f"[{entry.standing}]" if entry.standing not in ("", ATTESTED) else ""


def environment_of(entry: Entry) -> str:
    """Give the environment that an entry is about, "" for none."""
    return _told(entry)[0]


def raw(body: object) -> str:
    """Give a body that opskit does not know as it stands."""
    import json

    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def what(record: RolloutRecord) -> str:
    """Give what a rollout did to what: `deploy shop`, `task clear-cache`, `exec uptime`."""
    action = record.action or "rollout"
    return " ".join(
        word for word in (action, record.service, record.task, _short(record.script)) if word
    )


def releases(record: RolloutRecord) -> str:
    """Give `v1 → v2`, as far as the rollout was about releases.

    Where labels do not tell one from the other, as those of folders: `site (6244b7ed → 9a8b7c6d)`.
    """
    before, to = record.before, record.to
    if to is None:
        return ""
    if before == (to,):
        return to.title
    told = [release.label for release in (*before, to)]
    if len(set(told)) == len(told):
        return from_to([named(release) for release in before], named(to))
    if len(set(told)) > 1 or not to.title.startswith(f"{to.label} ("):
        return from_to([release.title for release in before], to.title)
    return f"{to.label} ({from_to([release.revision[:8] for release in before], to.revision[:8])})"


def from_to(before: Sequence[str], after: str) -> str:
    """Give `v1 → v2`, or nothing where there is no `after`."""
    return f"{', '.join(before)} → {after}".lstrip() if after else ""


def named(release: Release) -> str:
    """Give a release in few characters: its label, else its title."""
    return release.label or release.title


def folded(hosts: Sequence[str]) -> str:
    """Give hosts in short: `web[01-03],db1`."""
    if len(hosts) < 2:
        return "".join(hosts)
    from opskit.fleet.selectors import fold

    return fold(hosts)


def when(at: datetime, now: datetime | None) -> str:
    """Give a time: how long ago for a person at a terminal, else the local time, which stays true."""
    if not (now and terminal.is_terminal()):
        return local(at)
    return text.ago(at, now) if terminal.screen_width() >= NARROW else _briefly(at, now)


def _briefly(at: datetime, now: datetime) -> str:
    """Give a time in 8 characters or less: `12 min`, `3 d`, `23 Nov`, `2026-11`."""
    ago = text.ago(at, now)
    if ago[:4].isdigit():
        return f"{at.astimezone():{'%d %b' if abs((now - at).days) < MONTHS else '%Y-%m'}}"
    return ago.removesuffix(" ago")


def local(at: datetime) -> str:
    """Give a time in the local zone, to the second."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def colour_of(entry: Entry) -> str:
    """Give the colour of an entry's line: none for what is done or needs no attention."""
    outcome = entry.outcome if isinstance(entry, RolloutRecord) else ""
    colour = "" if outcome == "done" else text.Status(outcome).colour
    return DOUBTFUL.get(entry.standing, "") or colour


def fitted(widths: Sequence[int], room: int) -> tuple[list[int], int]:
    """Give column widths and the gap that fit into `room`, as far as that can be; 0 leaves a column out."""
    fitting, gap = list(widths), GAPS[0]
    for left_out, gap in ((left_out, gap) for left_out in LEFT_OUT for gap in GAPS):
        fitting = [0 if column in left_out else width for column, width in enumerate(widths)]
        for column, least in SHRINKING:
            excess = _excess(fitting, gap, room)
            fitting[column] -= min(excess, max(fitting[column] - least, 0))
        if not _excess(fitting, gap, room):
            break
    return fitting, gap


def _excess(widths: Sequence[int], gap: int, room: int) -> int:
    return max(0, sum(widths) + gap * (len(widths) - widths.count(0) - 1) - room)


def padded(cell: str, width: int, *, keep_end: bool = False) -> str:
    """Give a cell as wide as its column; too long a one loses its end, or its beginning."""
    cell = text.cut(cell[::-1], width)[::-1] if keep_end else text.cut(cell, width)
    return cell + " " * (width - terminal.width_of(cell))


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
