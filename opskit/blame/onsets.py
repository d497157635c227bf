"""Since when each host shows the symptom: the first line of a log that says it, found on the hosts themselves.

The log and its rotated files are gone through from the oldest on, at most the last `MOST_BYTES` of each. What a host prints:

    now SECONDS ZONE       its clock, and its offset from UTC
    cut FILE               of this one, only the end was looked at
    line TEXT              the last lines up to the first that has the words, that one last
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

from opskit.blame import journal, stamps
from opskit.blame.journal import Journal
from opskit.errors import HostError
from opskit.fleet.command import Command
from opskit.fleet.selectors import fold
from opskit.rollout.layout import path_word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote

MOST_BYTES = 64 * 1024 * 1024
MOST_LINE = 400
BEFORE = 40
"""Lines before the one that has the words, in which its time may stand: of a traceback, only the first line has it."""
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
_LINE = re.compile(rf"(now|cut|line|none|{'|'.join(UNTOLD)})(?: (.*))?")

_FIND = (
    'function shown(i) { print "line " l[i % b] }\n'
    "{ l[NR % b] = substr($0, 1, m) }\n"
    'index($0, ENVIRON["w"]) { for (i = NR - b + 1; i <= NR; i++) if (i > 0) shown(i); exit }'
)


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
        asked = journal.script(log, since=since, most_bytes=MOST_BYTES, most_line=MOST_LINE)
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
            f"f={path_word(path)}; found=; there=",
            f"first() {{ awk -v b={BEFORE} -v m={MOST_LINE} {shlex.quote(_FIND)}; }}",
            # the oldest first
            'for r in "$f.3.gz" "$f.2.gz" "$f.2" "$f.1.gz" "$f.1" "$f"; do',
            '  [ -f "$r" ] && [ -r "$r" ] || continue; there=1',
            f'  case $r in *.gz) found=$(gzip -dc <"$r" 2>/dev/null | head -c {MOST_BYTES} | first);;',
            f'  *) [ "$(wc -c <"$r")" -le {MOST_BYTES} ] || echo "cut $r"',
            f'    found=$(tail -c {MOST_BYTES} <"$r" | first);; esac',
            '  [ -z "$found" ] || { printf \'%s\\n\' "$found"; exit 0; }; done',
            'if [ -n "$there" ]; then echo none; else echo unreadable; fi',
        )
    )


def ask(
    fleet: Fleet, hosts: Sequence[str], log: str | Journal, words: str, *, since: datetime
) -> tuple[Onset, ...]:
    """Give what the log of each host says, a journal since then, in the order of the hosts; whatever is wrong with one is its remark."""
    sudo = log.runs_as if isinstance(log, Journal) else ""
    command = Command(script(log, words, since=since), timeout=TIMEOUT, twice=True, sudo=sudo)

    def work(remote: Remote) -> Onset:
        before = time.time()
        result = remote.execute(command)
        after = time.time()
        if not result.ok:
            raise HostError(remote.name, f"its log cannot be read: {result.tail(1)}")
        return read(remote.name, result.text, asked=before, answered=after)

    found = {}
    for outcome in fleet.each(work, hosts):
        wrong = outcome.error.what if outcome.error else ""
        found[outcome.host] = outcome.value or Onset(outcome.host, remark=wrong)
    return tuple(found[host] for host in hosts if host in found)


def read(host: str, said: str, *, asked: float, answered: float) -> Onset:
    """Read what `script` printed between two moments of this machine's clock (seconds since 1970)."""
    told = [(m[1], m[2] or "") for line in said.split("\n") if (m := _LINE.fullmatch(line))]
    lines = [rest for word, rest in told if word == "line"]
    clock = next((rest for word, rest in told if word == "now"), "")
    if not lines:
        why = next((UNTOLD[word] for word, _ in told if word in UNTOLD), "its log tells nothing")
        return Onset(host, remark=NOT_THERE if any(w == "none" for w, _ in told) else why)
    now, zone, off = _clock(clock, asked, answered)
    times = (stamps.find(line, now=now, zone=zone) for line in reversed(lines))
    at = next((time for time in times if time), None)
    cut = any(word == "cut" for word, _ in told)
    remark = "only the end of its log was looked at" if cut else ""
    if at is None:
        return Onset(host, lines[-1], remark="the line of its log that has it names no time")
    began = at.astimezone(UTC) - timedelta(seconds=off)
    if late := stamps.in_future([began], datetime.fromtimestamp(answered, UTC)):
        return Onset(host, lines[-1], off=off, remark=f"the times of its log are {late}")
    return Onset(host, lines[-1], began, off, remark)


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


WRONG = re.compile(
    r"error|exception|traceback|fatal|panic|fail|refused|timed? ?out|critical|denied|cannot|\b5\d\d\b",
    re.IGNORECASE,
)
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
