"""A run of a runbook in a few words: for a line of the log, for what is still open of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opskit.cli.render import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import RunRecord
    from opskit.changelog.runrecords import Liability

USUAL = "run"
LATELY = 300.0
"""Seconds for which a run elsewhere that said nothing more may still be under way."""


def what_run(record: RunRecord) -> str:
    """Give `runbook haproxy-queue`, and how it is run where that is not the usual way: `runbook haproxy-queue (drill)`."""
    mode = f" ({record.mode})" if record.mode not in ("", USUAL) else ""
    return f"runbook {record.runbook}".rstrip() + mode


def why_run(record: RunRecord) -> str:
    """Give why it was run: the incident, the reason; and who else went on with it."""
    others = [name for name in record.people if name != record.actor]
    gone_on = f"({', '.join(others)} went on)" if others else ""
    told = ": ".join(filter(None, (record.incident, record.why))) or record.title
    return " ".join(filter(None, (told, gone_on)))


def named_run(record: RunRecord) -> str:
    """Give how people call a run: `run k7x2m9qp4d of haproxy-queue (ana@mac)`."""
    return f"run {record.id} of {record.runbook} ({record.people[-1]})"


def how_to_go_on(record: RunRecord) -> str:
    """Say of a run that has not come to its end how somebody goes on with it."""
    from opskit.changelog.approving import awaited

    if (waits := awaited(record)) is not None:
        said = "waits for somebody's approval: opskit runbook approve"
        return f"{said if waits else 'is approved: opskit runbook resume'} {record.id}"
    if age := _heard_of(record):
        said = f"may be under way on {record.runs_on}, heard of {age:.0f} s ago: ask {record.people[-1]}, then"
        return f"{said} opskit runbook resume {record.id}"
    stands = "is suspended" if record.outcome == "suspended" else "never ended"
    return f"{stands}: opskit runbook resume {record.id}"


def _heard_of(record: RunRecord) -> float:
    """Give how many seconds ago a run on another machine said something, if that may still be at it; else 0. Of this one it is known."""
    from opskit.changelog.machine import this_machine
    from opskit.changelog.records import UNFINISHED

    if record.outcome != UNFINISHED or record.runs_on in ("", this_machine()["host"]):
        return 0
    last = max((event.at_ms for event in record.events), default=0)
    age = max(1.0, time.time() - last / 1000)
    return age if age < LATELY else 0


def debt(record: RunRecord, owed: Liability) -> str:
    """Say what is still to be taken back: `step 2 (Drain the slow server) on lb01 with server=web03 is not undone`."""
    from opskit.changelog.runrecords import LOCAL
    from opskit.changelog.runwords import number_of, pair

    values = ", ".join(pair(value.name, value.value) for value in owed.values)
    hosts = [host for host in owed.hosts if host != LOCAL]
    where = f" on {text.folded(hosts)}" if hosts else ""
    which = f" with {values}" if values else ""
    return f"{number_of(record, owed.step)}{where}{which} is not undone"


def open_lines(records: Sequence[RunRecord]) -> list[str]:
    """Say of runs what is still open: that they are under way or have not come to their end, and what nobody has taken back."""
    from opskit.changelog.records import RUNNING

    lines = []
    for record in records:
        name = named_run(record)
        running = record.outcome == RUNNING
        if record.is_open:
            lines.append(f"{name} {how_to_go_on(record)}")
        elif running:
            lines.append(f"{name} is under way on {record.runs_on}: opskit log {record.id}")
        how = " so far" if running else f": opskit runbook undo {record.id}"
        lines += [f"{name}: {debt(record, one)}{how}" for one in record.liabilities]
    return lines
