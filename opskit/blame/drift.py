"""Changes that no rollout of the changelog explains, as hosts themselves tell of them: suspects, too."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.blame import undo
from opskit.blame.leftovers import who_was_on
from opskit.blame.model import DRIFT, Candidate
from opskit.changelog import Release
from opskit.changelog.clock import moment
from opskit.config.service import GitSource
from opskit.errors import ChangelogError, SourceError
from opskit.fleet.selectors import fold
from opskit.rollout import git
from opskit.rollout.memory import LAST_SECOND
from opskit.rollout.status import SURPRISES, by_words, compared
from opskit.rollout.targets import Survey, target_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from opskit.blame.gather import Place
    from opskit.blame.leftovers import Stay
    from opskit.blame.looked import Looked, Seen
    from opskit.blame.undo import Ways
    from opskit.changelog import Changelog, LiveRecord
    from opskit.config.model import ChangelogSettings
    from opskit.config.service import Service
    from opskit.rollout.status import HostStatus

UNRECORDED = "unrecorded"
BY_HAND = "by hand"


def drift(
    looked: Looked,
    place: Place,
    changelog: Changelog,
    settings: ChangelogSettings,
    there: Sequence[Stay] = (),
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Give a candidate for each change that `opskit status` would call drifted or unrecorded, and what is not known of them.

    What was changed while one of the runs `there` was on the host has that one's id.
    """
    found: list[Candidate] = []
    missing: list[str] = []
    distances = place.distances()
    for name in dict.fromkeys(seen.service for seen in looked.seen):
        seen = {e.host: e for e in looked.seen if e.service == name and e.state is not None}
        states = {host: each.state for host, each in seen.items() if each.state is not None}
        service = place.services[name]
        survey = Survey(tuple(map(target_of, states.values())), states, {})
        try:
            rows = compared(service, survey, changelog, settings)
        except ChangelogError as error:
            missing.append(f"{name} was not compared with the changelog: {error.what}")
            continue
        odd = [row for row in rows if row.verdict in SURPRISES]
        for id, of in _grouped(odd, seen, there).items():
            made, doubts = _candidate(id, of, seen, service, place.ways(name))
            found.append(replace(made, distance=distances.get(name, -1)))
            missing += doubts
    return tuple(found), tuple(missing)


def _grouped(
    rows: Iterable[HostStatus], seen: Mapping[str, Seen], there: Sequence[Stay]
) -> Mapping[str, Sequence[HostStatus]]:
    """Give hosts by what changed them: each rollout that the changelog does not know, a run, or somebody's hand."""
    found: dict[str, list[HostStatus]] = defaultdict(list)
    for row in rows:
        named = str(_receipt(seen[row.host]).get("rollout", ""))
        if row.verdict == UNRECORDED and named:
            found[named].append(row)
            continue
        at, is_known = _when(row, seen[row.host])
        run = who_was_on(there, row.host, at) if is_known else ""
        found[run or BY_HAND].append(row)
    return found


def _candidate(
    id: str, rows: Sequence[HostStatus], seen: Mapping[str, Seen], service: Service, ways: Ways
) -> tuple[Candidate, tuple[str, ...]]:
    first = _receipt(seen[rows[0].host])
    is_rollout = rows[0].verdict == UNRECORDED and id != BY_HAND
    flips, guessed = {}, []
    for row in rows:
        flips[row.host], is_known = _when(row, seen[row.host])
        guessed += [] if is_known else [row.host]
    note = "; ".join(by_words((row.host, row.note) for row in rows))
    made = Candidate(
        id=id if id != BY_HAND else _named(service.name, flips),
        kind=DRIFT,
        at=max(flips.values()),
        service=service.name,
        environment=service.environment,
        actor=str(first.get("actor", "")) if is_rollout else "",
        reason=note,
        flips=flips,
        sources=(f"{'receipt' if is_rollout else 'receipt and files'} on {fold(flips)}",),
        undo=_undo(rows, service, ways),
        text=note,
    )
    doubt = f"when {service.name} was changed by hand on {','.join(guessed)}: after the last rollout there"
    return made, (doubt,) if guessed else ()


def _named(service: str, flips: Mapping[str, datetime]) -> str:
    """Give an id that the same changes by hand always have, and others do not."""
    told = "\0".join(f"{host} {at.timestamp():.0f}" for host, at in sorted(flips.items()))
    return f"{DRIFT}-{service}-{hashlib.sha256(told.encode()).hexdigest()[:6]}"


def _when(row: HostStatus, seen: Seen) -> tuple[datetime, bool]:
    """Give when a host was changed, and whether that is known rather than the earliest that it may have been."""
    ms = _receipt(seen).get("at")
    is_time = isinstance(ms, int) and 0 < ms < LAST_SECOND * 1000
    by_receipt = moment(ms) if is_time and isinstance(ms, int) else None
    if row.verdict == UNRECORDED and by_receipt:
        return by_receipt, True
    if seen.touched:
        return seen.touched, True
    known = [at for at in (row.recorded.at if row.recorded else None, by_receipt) if at]
    return max(known, default=moment(0)), False


def _undo(rows: Sequence[HostStatus], service: Service, ways: Ways) -> str:
    """Give what brings hosts back to what the changelog says, if that is the same on all of them.

    A release of which files were changed is deployed anew, where its source is still what it was: in git.
    """
    wanted = {row.recorded for row in rows}
    recorded = wanted.pop() if len({(r.release if r else "") for r in wanted}) == 1 else None
    if recorded is None:
        return ""
    hosts = [row.host for row in rows]
    if any(row.live and row.live.id == recorded.release for row in rows):
        anew = _called(service, recorded)
        return (
            undo.line("deploy", service.name, anew, *undo.by_hand(service, hosts)) if anew else ""
        )
    words = undo.back_to(service.name, Release(recorded.release, recorded.revision), hosts, ways)
    return undo.line(*words, *undo.by_hand(service, hosts)) if words else ""


def _called(service: Service, recorded: LiveRecord) -> str:
    """Give what a release is deployed by again: its tag, if that is still of this commit, so that it is called as before; else its commit; "" where it is of no git."""
    if not isinstance(service.source, GitSource) or not recorded.revision:
        return ""
    try:
        tagged = git.resolve(service.source.repository, f"refs/tags/{recorded.label}")
    except SourceError:
        tagged = ""
    return recorded.label if tagged == recorded.revision else recorded.revision


def _receipt(seen: Seen) -> Mapping[str, object]:
    return seen.state.receipt if seen.state else {}
