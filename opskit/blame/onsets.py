"""Since when each host shows the symptom: the first line of this trouble in a log that says it, found on the hosts themselves.

The log and its rotated files are gone through from the oldest on, at most the last `MOST_BYTES` of each. What a host prints:

    now SECONDS ZONE       its clock, and its offset from UTC
    cut FILE               of this one, only the end was looked at
    own, below TEXT        a line has the words, and names this time; or stands below one that does
    skipped NUMBER         of so many that stand behind the very first nothing is told
    until TEXT             the next line that names a time, if it names none
    line TEXT              the line itself; of those that have the same time, the first; of many the very first, and the last `MOST_HITS`
    none, unreadable       there is no such line; or no such file
    nothing, nojournal     see `journal`
"""

from __future__ import annotations

import re
import shlex
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from opskit.blame import episodes, journal, stamps
from opskit.blame.episodes import WRONG
from opskit.blame.journal import Journal
from opskit.errors import HostError
from opskit.fleet.command import Command
from opskit.fleet.selectors import fold
from opskit.rollout.layout import path_word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import tzinfo

    from opskit.blame.episodes import Hit
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote

MOST_BYTES = 64 * 1024 * 1024
MOST_LINE = 200
MOST_HITS = 200
TIMEOUT = 20.0
SKEW = 2.0
"""Seconds by which a host's clock may be off, beyond the time that asking took, before it is corrected."""
SHORTEST, LONGEST = 4, 200
FEW = 6
"""Characters below which what is left of a symptom without numbers finds too much."""
AGREE = 10.0
"""Seconds by which clocks of hosts may differ that agree with each other."""
NOT_THERE = "no line of its log has it"
UNTOLD: Mapping[str, str] = {
    "unreadable": "it has no such log, or we may not read it",
    "nothing": "its journal shows us nothing of that unit: no such unit, nothing of it since then, or we may not read it (group systemd-journal)",
    "nojournal": "it has no journalctl: where does the service log to?",
}
"""What is to be said of a host that tells no line, by what it says instead."""
_LINE = re.compile(rf"(now|cut|own|below|until|line|skipped|none|{'|'.join(UNTOLD)})(?: (.*))?")

_FIND = r"""
function show(i) { print k[i]; if (u[i] != "") print "until " u[i]; print "line " l[i] }
{ own = $0 ~ /[0-2][0-9]:[0-5][0-9]:[0-6][0-9]/ || $0 ~ /^[^0-9]*1[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]/ }
own { t = substr($0, 1, m); if (p) { u[p] = t; p = 0 } }
index($0, ENVIRON["w"]) {
  s = (own ? "own " : "below ") t
  if (s != k[n]) { n++; if (n == b + 1) show(1); delete k[n - b]; delete u[n - b]; delete l[n - b]
    k[n] = s; u[n] = ""; l[n] = substr($0, 1, m); if (!own) p = n }
}
END { if (n > b + 1) print "skipped " n - b - 1; for (i = n > b ? n - b + 1 : 1; i <= n; i++) show(i) }
"""


@dataclass(frozen=True, slots=True)
class Onset:
    """What a host's log says: the first line with the words, when that was (None: it has no time), by this machine's clock.

    `off` is by how many seconds the host's clock ran ahead, 0 if that is nothing; `remark` what is to be said of it.
    """

    host: str
    line: str = ""
    at: datetime | None = None
    off: float = 0.0
    remark: str = ""


def script(log: str | Journal, words: str, *, since: datetime) -> str:
    """Find the first line of a log of a host (a file, or a journal since then) that has `words` in it; reads only."""
    if isinstance(log, Journal):
        asked = journal.script(
            log, since=since, most_bytes=MOST_BYTES, most_line=MOST_LINE, most_hits=MOST_HITS
        )
        return f"{_opening(words)}\n{asked}"
    return f"{_opening(words)}\n{_of_files(log)}"


def _opening(words: str) -> str:
    return "\n".join(
        (
            f"w={shlex.quote(words)}; export w; LC_ALL=C; export LC_ALL",
            'echo "now $(date +%s) $(date +%z)"',
        )
    )


def _of_files(path: str) -> str:
    return "\n".join(
        (
            f"f={path_word(path)}; there=; found=",
            # the oldest first
            'logs() { for r in "$f.3.gz" "$f.2.gz" "$f.2" "$f.1.gz" "$f.1" "$f"; do [ ! -f "$r" ] || [ ! -r "$r" ] || "$1"; done; }',
            (
                "know() { there=1; case $r in *.gz) ;; *) "
                f'[ "$(wc -c <"$r")" -le {MOST_BYTES} ] || echo "cut $r";; esac; }}'
            ),
            f'say() {{ case $r in *.gz) gzip -dc <"$r" 2>/dev/null | head -c {MOST_BYTES};; *) tail -c {MOST_BYTES} <"$r";; esac; }}',
            f"logs know; found=$(logs say | awk -v b={MOST_HITS} -v m={MOST_LINE} {shlex.quote(_FIND)})",
            'if [ -n "$found" ]; then printf \'%s\\n\' "$found"; elif [ -n "$there" ]; then echo none; else echo unreadable; fi',
        )
    )


def ask(
    fleet: Fleet,
    hosts: Sequence[str],
    log: str | Journal,
    words: str,
    *,
    since: datetime,
    until: datetime | None = None,
) -> tuple[Onset, ...]:
    """Give what the log of each host says, a journal since then, in the order of the hosts; whatever is wrong with one is its remark.

    Of several troubles with these words it is the last, of those that had begun `until` then.
    """
    sudo = log.runs_as if isinstance(log, Journal) else ""
    command = Command(script(log, words, since=since), timeout=TIMEOUT, twice=True, sudo=sudo)

    def work(remote: Remote) -> Onset:
        before = time.time()
        result = remote.execute(command)
        after = time.time()
        if not result.ok:
            raise HostError(remote.name, f"its log cannot be read: {result.tail(1)}")
        return read(remote.name, result.text, asked=before, answered=after, until=until)

    found = {}
    for outcome in fleet.each(work, hosts):
        wrong = outcome.error.what if outcome.error else ""
        found[outcome.host] = outcome.value or Onset(outcome.host, remark=wrong)
    return tuple(found[host] for host in hosts if host in found)


def read(
    host: str, said: str, *, asked: float, answered: float, until: datetime | None = None
) -> Onset:
    """Read what `script` printed between two moments of this machine's clock (seconds since 1970)."""
    told = [(m[1], m[2] or "") for line in said.split("\n") if (m := _LINE.fullmatch(line))]
    lines = [rest for word, rest in told if word == "line"]
    clock = next((rest for word, rest in told if word == "now"), "")
    if not lines:
        why = next((UNTOLD[word] for word, _ in told if word in UNTOLD), "its log tells nothing")
        return Onset(host, remark=NOT_THERE if any(w == "none" for w, _ in told) else why)
    now, zone, off = _clock(clock, asked, answered)
    found = episodes.hits(told, now=now, zone=zone)
    remarks = ["only the end of its log was looked at"] * any(word == "cut" for word, _ in told)
    if not found:
        return Onset(host, lines[0], remark="the line of its log that has it names no time")
    ahead = timedelta(seconds=off)
    skipped = next((int(rest) for word, rest in told if word == "skipped" and rest.isdigit()), 0)
    mine = episodes.latest(
        found,
        (until or datetime.fromtimestamp(answered, UTC)) + ahead + stamps.TOLERANCE,
        skipped=skipped,
    )
    if late := stamps.in_future([found[-1].at - ahead], datetime.fromtimestamp(answered, UTC)):
        return Onset(host, mine[0].line, off=off, remark=f"the times of its log are {late}")
    remarks += _of_others(found, mine, ahead)
    return Onset(host, mine[0].line, mine[0].at - ahead, off, "; ".join(remarks))


def _of_others(found: Sequence[Hit], mine: Sequence[Hit], ahead: timedelta) -> Iterator[str]:
    """Say what else a log has of the symptom, and that it does not say when the first line of this trouble was written."""
    first = mine[0]
    before = [hit for hit in found if hit.at < first.at]
    if before:
        yield f"its log has it before, too, last at {_local(before[-1].at - ahead)}, which is taken for another trouble"
    if first.is_between:
        yield f"the line names no time, and is from between {_local(first.earliest - ahead)} and {_local(first.at - ahead)}; the later is weighed"


def _local(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def _clock(said: str, asked: float, answered: float) -> tuple[datetime, tzinfo, float]:
    """Give a host's time, its zone, and how far its clock runs ahead of ours, 0 if that may be the way of the answer."""
    seconds, _, offset = said.partition(" ")
    zone = stamps.zone_of(offset) or UTC
    if not re.fullmatch(r"[0-9]{9,11}", seconds):
        return datetime.fromtimestamp(answered, UTC), zone, 0.0
    theirs = int(seconds)
    off = theirs - answered if theirs > answered else min(theirs + 1 - asked, 0.0)
    return datetime.fromtimestamp(theirs, UTC), zone, off if abs(off) > SKEW else 0.0


def needle(symptom: str) -> str:
    """Give the words to look for in logs: the longest piece of the symptom's lines that says no time, number or address.

    What changes from line to line (times, ids, counts) is left out, as it stands in no other line. Where little is left then, codes of
    errors (`E1234`, `HTTP 502`) are left in. "" if nothing is left.
    """
    lines = [line.strip() for line in symptom.splitlines()[:100]]
    wrong = [line for line in lines if WRONG.search(line)] or lines
    found = _longest(wrong, VARYING)
    if len(found) < FEW:
        found = _longest(wrong, NO_CODE) or found
    return found[:LONGEST]


def _longest(lines: Sequence[str], without: re.Pattern[str]) -> str:
    """Give the longest piece of lines between what is to be left out; numbers alone are none."""
    pieces = (
        piece.strip(" \t:;,.-=[](){}<>\"'|") for line in lines for piece in without.split(line)
    )
    worded = (p for p in pieces if len(p) >= SHORTEST and any(c.isalpha() for c in p))
    return max(worded, key=len, default="")


VARYING = re.compile(r"\S*\d\S*|[^\x20-\x7e]+")
NO_CODE = re.compile(
    r"(?!(?:[A-Za-z_]+[-_]?\d{1,6}|[1-5]\d\d)[:;,.\])}'\"]*(?:\s|$))(?<!\S)\S*\d\S*|[^\x20-\x7e]+",
    re.ASCII,
)
"""As VARYING, but for codes of errors: letters with a number behind, the status of an answer."""


def told(onsets: Sequence[Onset]) -> tuple[str, ...]:
    """Give what is to be said of hosts whose logs tell no onset, or of which clocks are wrong; equal words once."""
    found: dict[str, list[str]] = {}
    asked = [onset for onset in onsets if onset.line]
    offs = [onset.off for onset in asked]
    if len(offs) > 1 and all(offs) and max(offs) - min(offs) <= AGREE:
        hosts = fold([onset.host for onset in asked])
        ahead = "behind" if offs[0] > 0 else "ahead of"
        here = f"{hosts}: their clocks agree, and this machine's is {abs(offs[0]):.0f} s {ahead} them: it may be the wrong one; times of their logs were put by it"
        return (here, *told([replace(onset, off=0.0) for onset in onsets]))
    for onset in onsets:
        if onset.remark and onset.remark != NOT_THERE:
            found.setdefault(onset.remark, []).append(onset.host)
        if onset.off:
            ahead = "ahead" if onset.off > 0 else "behind"
            said = f"clock is {abs(onset.off):.0f} s {ahead}, which is taken off"
            found.setdefault(said, []).append(onset.host)
    return tuple(f"{fold(hosts)}: {words}" for words, hosts in found.items())
