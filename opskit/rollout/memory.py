"""What the changelog knows that hosts must confirm, and what a host says in its own words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from opskit.changelog import Filter, LiveRecord
from opskit.config.model import NOTHING
from opskit.errors import UnknownNameError
from opskit.rollout.witness import CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.config.model import ChangelogSettings
    from opskit.config.service import Service
    from opskit.rollout.probe import HostState
    from opskit.rollout.status import HostStatus

LAST_SECOND = 253_402_214_400  # of the year 9999 but for its last day, in every time zone
VOUCHED = ("", "attested")  # "": nobody's signature is asked for
MOST_RECENT = 100  # rollouts of a service that hosts are asked to confirm

COMPARED = ("ok", "unrecorded", "doubtful", "drifted")
UNWRITTEN = "could not write its receipt here: a restart checks it anew"


@dataclass(frozen=True, slots=True)
class Memory:
    """What the changelog knows that hosts must confirm.

    `strangers`: rollouts that hosts name and the changelog lacks. `last`: by host, the newest rollout
    that is said to have changed it; `good`: of those that somebody vouches for. `order`: known rollouts, from the newest on. `doubted`: those of them for which nobody
    vouches, where somebody should.
    """

    strangers: frozenset[str] = frozenset()
    last: Mapping[str, RolloutRecord] = NOTHING
    good: Mapping[str, RolloutRecord] = NOTHING
    order: Mapping[str, int] = NOTHING
    known: Mapping[str, RolloutRecord] = NOTHING
    doubted: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        changelog: Changelog,
        service: Service,
        states: Iterable[HostState],
        settings: ChangelogSettings,
    ) -> Memory:
        """Ask the changelog about the rollouts that hosts named last, and about those it has."""
        wanted = Filter(service=service.name, environment=service.environment, limit=MOST_RECENT)
        judged = changelog.judged(changelog.rollouts(wanted), settings)
        recent = [record for record in judged if record.action in CHANGES]
        known = {record.id: record for record in recent}
        doubted = frozenset(r.id for r in recent if r.standing not in VOUCHED)
        named = {str(state.receipt["rollout"]) for state in states if "rollout" in state.receipt}
        strangers = frozenset(n for n in named - known.keys() if not _is_known(changelog, n))
        order = {name: number for number, name in enumerate(known)}
        good = [record for record in recent if record.id not in doubted]
        return cls(strangers, _last(recent), _last(good), order, known, doubted)

    def vouched(self, recorded: LiveRecord | None, state: HostState) -> LiveRecord | None:
        """Give what the changelog says of a host: what nobody vouches for gives way to the rollout that the host names."""
        if recorded is None or recorded.rollout not in self.doubted:
            return recorded
        named = self.known.get(str(state.receipt.get("rollout", "")))
        told = next((h for h in named.hosts if h.name == state.host), None) if named else None
        if named is None or named.id in self.doubted or told is None or not told.live:
            return recorded
        releases = [release for release in (named.to, told.before) if release]
        found = next((r for r in releases if r.release == told.live), None)
        revision, label = (found.revision, found.label) if found else ("", "")
        at = told.at or named.at
        return LiveRecord(told.name, told.live, revision, label, named.id, at)

    def checked(self, found: HostStatus, state: HostState | None) -> HostStatus:
        """Give a host's status: unrecorded if a rollout that the changelog lacks changed it last, drifted if it denies one."""
        if state is None or found.live is None or found.verdict not in COMPARED:
            return found
        receipt = state.receipt
        named = str(receipt.get("rollout", ""))
        last = (self.last if named in self.doubted else self.good).get(found.host)
        if changed_by_hand(state):
            return self._unreceipted(found, named, last)
        if named in self.strangers:
            note = f"{last_change(receipt)}, which this changelog does not know"
            return replace(found, verdict="unrecorded", note=note)
        if last and self.order.get(named, len(self.order)) > self.order[last.id]:
            what = f"{last.action} {last.id} by {last.actor}"
            if state.torn:
                return replace(found, verdict="doubtful", note=f"{what} {UNWRITTEN}")
            return replace(found, verdict="drifted", note=f"the host does not confirm {what}")
        return found

    def _unreceipted(
        self, found: HostStatus, named: str, last: RolloutRecord | None
    ) -> HostStatus:
        """Give the status of a host that runs what its last receipt does not say: a rollback goes on without one, as on a full disk."""
        if last is None or last.action != "rollback" or found.live is None:
            return found
        is_later = self.order.get(named, len(self.order)) > self.order[last.id]
        brought = {host.to or host.live for host in last.hosts if host.name == found.host}
        if not is_later or found.live.id not in brought:
            return found
        what = f"rollback {last.id} by {last.actor}"
        return replace(found, verdict="doubtful", note=f"{what} {UNWRITTEN}")


def _last(records: Iterable[RolloutRecord]) -> Mapping[str, RolloutRecord]:
    """Give the first of these that is said to have changed a host, for each host."""
    last: dict[str, RolloutRecord] = {}
    for record in records:
        for host in record.hosts:
            if host.outcome == "done":
                last.setdefault(host.name, record)
    return last


def _is_known(changelog: Changelog, rollout: str) -> bool:
    try:
        return changelog.rollout(rollout).id == rollout
    except UnknownNameError:
        return False


def last_change(receipt: Mapping[str, object]) -> str:
    """Say what the newest receipt of a host says: `deploy k7x2m9qp4d by ana at 2026-11-24 09:02`."""
    action, rollout, actor = (receipt.get(name, "?") for name in ("action", "rollout", "actor"))
    at = receipt.get("at")
    when = f" at {_local(at)}" if isinstance(at, int) and 0 < at < LAST_SECOND * 1000 else ""
    return f"{action} {rollout} by {actor}{when}"


def _local(ms: int) -> str:
    """Give a time of a receipt, in the time zone of this machine."""
    return f"{datetime.fromtimestamp(ms / 1000).astimezone():%Y-%m-%d %H:%M}"


def changed_by_hand(state: HostState) -> str:
    """Say why no rollout explains what `current` is, "" if one does."""
    if state.blocked:
        return "`current` is no symbolic link"
    if state.live not in {release.id for release in state.releases}:
        return "`current` points at a release that is gone"
    if not state.receipt:
        return "no receipt of a rollout is left on it: the next deploy or restart leaves one"
    if state.live not in (state.receipt.get("to"), state.receipt.get("from")):
        return "`current` was changed by no rollout of opskit"
    return ""
