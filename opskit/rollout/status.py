"""What each host really runs, against what the changelog says; who holds what; what never ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.config.model import NOTHING
from opskit.errors import UnknownNameError
from opskit.rollout.targets import survey
from opskit.rollout.witness import CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.changelog import Changelog, LiveRecord, RolloutRecord
    from opskit.config.model import Service
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.plan import Target
    from opskit.rollout.probe import HeldLock, HostState, Release

AGREES, RUNNING = "ok", "running"
MOST_RECENT = 100  # rollouts of a service that hosts are asked to confirm


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host: what is live there, what the changelog says should be, and a word on the difference.

    `verdict`: ok; running (a rollout is changing it); doubtful (the last change there did not end with a
    healthy service); drifted (changed by no rollout that this changelog
    knows, or by one that never ended, or it does not confirm the last rollout); unrecorded (the changelog
    lacks what the host says of itself); empty (nothing deployed);
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
    """One service in one environment: its hosts, and the rollouts that have no end."""

    service: str
    environment: str
    hosts: tuple[HostStatus, ...]
    unfinished: tuple[RolloutRecord, ...]

    @property
    def well(self) -> bool:
        """Whether every host answers and agrees with the changelog, and every rollout has ended."""
        agree = all(host.verdict in (AGREES, RUNNING, "empty") for host in self.hosts)
        return agree and not any(r.outcome == "unfinished" for r in self.unfinished)


def status(
    *, service: Service, hosts: Sequence[str], fleet: Fleet, changelog: Changelog | None
) -> ServiceStatus:
    """Ask every host of a service and compare with the changelog; changes nothing.

    Without a changelog (it cannot be read), hosts are still asked. Raises ChangelogError.
    """
    recorded = changelog.live(service.name, service.environment) if changelog else {}
    unfinished = _unfinished(changelog, service) if changelog else ()
    found = survey(fleet, hosts, path=service.path)
    memory = Memory.of(changelog, service, found.states.values()) if changelog else Memory()
    rows = (
        memory.checked(
            _host(target, found.states.get(target.host), recorded.get(target.host), unfinished),
            found.states.get(target.host),
        )
        for target in found.targets
    )
    return ServiceStatus(service.name, service.environment, tuple(rows), unfinished)


@dataclass(frozen=True, slots=True)
class Memory:
    """What the changelog knows that hosts must confirm.

    `strangers`: rollouts that hosts name and the changelog lacks. `last`: by host, the newest rollout
    that is said to have changed it. `order`: known rollouts, from the newest on.
    """

    strangers: frozenset[str] = frozenset()
    last: Mapping[str, RolloutRecord] = NOTHING
    order: Mapping[str, int] = NOTHING

    @classmethod
    def of(cls, changelog: Changelog, service: Service, states: Iterable[HostState]) -> Memory:
        """Ask the changelog about the rollouts that hosts named last, and about those it has."""
        wanted = Filter(service=service.name, environment=service.environment, limit=MOST_RECENT)
        recent = [record for record in changelog.rollouts(wanted) if record.action in CHANGES]
        known = {record.id for record in recent}
        named = {str(state.receipt["rollout"]) for state in states if "rollout" in state.receipt}
        last: dict[str, RolloutRecord] = {}
        for record in recent:
            for host in record.hosts:
                if host.outcome == "done":
                    last.setdefault(host.name, record)
        strangers = frozenset(name for name in named - known if not _is_known(changelog, name))
        return cls(strangers, last, {record.id: number for number, record in enumerate(recent)})

    def checked(self, found: HostStatus, state: HostState | None) -> HostStatus:
        """Give a host's status, or drifted if it and the changelog do not name the same last rollout."""
        if state is None or found.verdict not in (AGREES, "unrecorded", "doubtful"):
            return found
        receipt, last = state.receipt, self.last.get(found.host)
        named = str(receipt.get("rollout", ""))
        if named in self.strangers:
            who = " by ".join(str(receipt.get(name, "?")) for name in ("action", "actor"))
            note = f"{who} ({named}) is not in this changelog"
            return replace(found, verdict="unrecorded", note=note)
        if last and self.order.get(named, len(self.order)) > self.order[last.id]:
            note = f"the host does not confirm {last.action} {last.id} by {last.actor}"
            return replace(found, verdict="drifted", note=note)
        return found


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
) -> HostStatus:
    if state is None:
        return HostStatus(target.host, "unreachable", None, recorded, note=target.problem)
    verdict, note = _compare(state, recorded)
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
        return "drifted", f"the changelog says {recorded.title}"
    if not state.proven:
        action, rollout = (state.receipt.get(name, "?") for name in ("action", "rollout"))
        return "doubtful", f"{action} {rollout} did not end well here: see `opskit log {rollout}`"
    return AGREES, ""


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
