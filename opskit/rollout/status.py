"""What each host really runs, against what the changelog says; who holds what; what never ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from opskit.changelog import Filter, LiveRecord
from opskit.config.model import NOTHING
from opskit.errors import UnknownNameError
from opskit.rollout.freeze import NOT_FROZEN, Frozen
from opskit.rollout.targets import survey
from opskit.rollout.witness import CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.config.model import ChangelogSettings
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.plan import Target
    from opskit.rollout.probe import HeldLock, HostState, Release

AGREES, RUNNING = "ok", "running"
LAST_SECOND = 253_402_214_400  # of the year 9999 but for its last day, in every time zone
VOUCHED = ("", "attested")  # "": nobody's signature is asked for
MOST_RECENT = 100  # rollouts of a service that hosts are asked to confirm


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host: what is live there, what the changelog says should be, and a word on the difference.

    `verdict`: ok; running (a rollout is changing it); doubtful (the last change there did not end with a
    healthy service); unrecorded (a rollout that the changelog lacks changed it last, as its receipt says); drifted (no receipt
    explains what is live, or a rollout never ended, or the host does not confirm the last one); empty (nothing deployed);
    unreachable. `note` says more.
    """

    host: str
    verdict: str
    live: Release | None
    recorded: LiveRecord | None
    locks: tuple[HeldLock, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service in one environment: its hosts, the rollouts that have no end, and whether it may be changed now."""

    service: str
    environment: str
    hosts: tuple[HostStatus, ...]
    unfinished: tuple[RolloutRecord, ...]
    frozen: Frozen = NOT_FROZEN

    @property
    def well(self) -> bool:
        """Whether every host answers and agrees with the changelog, and every rollout has ended."""
        agree = all(host.verdict in (AGREES, RUNNING, "empty") for host in self.hosts)
        return agree and not any(r.outcome == "unfinished" for r in self.unfinished)


def status(
    *,
    service: Service,
    hosts: Sequence[str],
    fleet: Fleet,
    changelog: Changelog | None,
    settings: ChangelogSettings,
) -> ServiceStatus:
    """Ask every host of a service and compare with the changelog; changes nothing.

    Without a changelog (it cannot be read), hosts are still asked. `settings` say who vouches for what the changelog says.
    Raises ChangelogError.
    """
    recorded = changelog.live(service.name, service.environment) if changelog else {}
    unfinished = _unfinished(changelog, service) if changelog else ()
    found = survey(fleet, hosts, path=service.path)
    states = found.states
    memory = Memory.of(changelog, service, states.values(), settings) if changelog else Memory()
    rows = (
        memory.checked(
            _host(target, states.get(target.host), recorded.get(target.host), unfinished, memory),
            states.get(target.host),
        )
        for target in found.targets
    )
    return ServiceStatus(service.name, service.environment, tuple(rows), unfinished)


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
        if state is None or found.verdict not in (AGREES, "unrecorded", "doubtful", "drifted"):
            return found
        if found.live is None or _changed_by_hand(state):
            return found
        receipt = state.receipt
        named = str(receipt.get("rollout", ""))
        last = (self.last if named in self.doubted else self.good).get(found.host)
        if named in self.strangers:
            note = f"{_last_change(receipt)}, which this changelog does not know"
            return replace(found, verdict="unrecorded", note=note)
        if last and self.order.get(named, len(self.order)) > self.order[last.id]:
            note = f"the host does not confirm {last.action} {last.id} by {last.actor}"
            return replace(found, verdict="drifted", note=note)
        return found


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


def _host(
    target: Target,
    state: HostState | None,
    recorded: LiveRecord | None,
    unfinished: Sequence[RolloutRecord],
    memory: Memory,
) -> HostStatus:
    if state is None:
        return HostStatus(target.host, "unreachable", None, recorded, note=target.problem)
    said, recorded = recorded, memory.vouched(recorded, state)
    verdict, note = _compare(state, recorded)
    if said and said is not recorded and verdict == AGREES:
        note = f"nobody vouches for {said.rollout}, which says otherwise"
    last = next((r for r in unfinished if r.id == state.receipt.get("rollout")), None)
    if last and verdict != AGREES and not _changed_by_hand(state):
        verdict = RUNNING if last.outcome == RUNNING else verdict
        note = f"{last.action} {last.id} {'is under way' if verdict == RUNNING else 'never ended'}"
    return HostStatus(target.host, verdict, state.current, recorded, state.locks, note)


def _compare(state: HostState, recorded: LiveRecord | None) -> tuple[str, str]:
    if not (state.live or state.blocked):
        return ("drifted", "its release is gone") if recorded else ("empty", "nothing deployed")
    if changed := _changed_by_hand(state):
        return "drifted", changed
    if recorded is None:
        return "unrecorded", "deployed by a rollout that this changelog does not know"
    if recorded.release != state.live:
        return (
            "drifted",
            f"{_last_change(state.receipt)}, but the changelog says {recorded.rollout}",
        )
    if not state.proven:
        action, rollout = (state.receipt.get(name, "?") for name in ("action", "rollout"))
        return "doubtful", f"{action} {rollout} did not end well here: see `opskit log {rollout}`"
    return AGREES, ""


def _last_change(receipt: Mapping[str, object]) -> str:
    """Say what the newest receipt of a host says: `deploy k7x2m9qp4d by ana at 2026-11-24 09:02`."""
    action, rollout, actor = (receipt.get(name, "?") for name in ("action", "rollout", "actor"))
    at = receipt.get("at")
    when = f" at {_local(at)}" if isinstance(at, int) and 0 < at < LAST_SECOND else ""
    return f"{action} {rollout} by {actor}{when}"


def _local(seconds: int) -> str:
    """Give a time of a receipt, in the time zone of this machine."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M}"


def _changed_by_hand(state: HostState) -> str:
    if state.blocked:
        return "`current` is no symbolic link"
    if state.live not in {release.id for release in state.releases}:
        return "`current` points at a release that is gone"
    if state.live not in (state.receipt.get("to"), state.receipt.get("from")):
        return "`current` was changed by no rollout of opskit"
    return ""


def _unfinished(changelog: Changelog, service: Service) -> tuple[RolloutRecord, ...]:
    found = (
        record
        for outcome in ("running", "unfinished")
        for record in changelog.rollouts(
            Filter(
                service=service.name, environment=service.environment, outcome=outcome, limit=20
            )
        )
    )
    return tuple(found)
