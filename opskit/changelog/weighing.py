"""What counts in a run of a runbook by the standing of its events: nothing that was revoked, and no yes that nobody vouches for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.event import OPINIONS, RUN_APPROVED, RUN_RESUMED, RUN_STARTED
from opskit.changelog.machine import is_running
from opskit.changelog.runs import run
from opskit.changelog.standing import ATTESTED, REVOKED, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.changelog.runrecords import Approval, RunRecord


def weighed(record: RunRecord, told: Mapping[str, Standing]) -> RunRecord:
    """Give a run without what was revoked of it, and with what its approvals are worth; `told` is the standing of its events by their hashes.

    Where nobody's signature is asked for, only what is revoked or forked is in `told`. A run that was begun by a writer that was
    revoked then stays as it is: its own standing says so.
    """
    kept = _without_revoked(record, told)
    return kept._replace(approvals=_approvals(kept, told))


def _without_revoked(record: RunRecord, told: Mapping[str, Standing]) -> RunRecord:
    own = [event for event in record.events if event.header.kind not in (*OPINIONS, RUN_APPROVED)]
    gone = [
        event
        for event in own
        if (standing := told.get(event.hash.hex())) and standing.state == REVOKED
    ]
    if not gone or gone[0] is own[0]:
        return record
    kept = [event for event in (*record.events, *record.strange) if event not in gone]
    anew = run(kept, is_running, name=record.id)
    names = ("doubts", "standing", "principal", "doubt")
    said = {name: getattr(record, name) for name in names}
    return anew._replace(strange=(*anew.strange, *gone), **said)


def _approvals(record: RunRecord, told: Mapping[str, Standing]) -> tuple[Approval, ...]:
    """Give who said yes: it counts only if it is attested, by somebody who vouches for none of those who run it."""
    turns = [e for e in record.events if e.header.kind in (RUN_STARTED, RUN_RESUMED)]
    runners = {told[e.hash.hex()].principal for e in turns if e.hash.hex() in told} - {""}
    found = []
    for each in record.approvals:
        standing = told.get(each.hash, Standing(""))
        good = standing.state in ("", ATTESTED) and standing.principal not in runners
        said = each._replace(
            counts=each.counts and good,
            standing=standing.state,
            principal=standing.principal,
            doubt=standing.reason,
        )
        found.append(said)
    return tuple(found)
