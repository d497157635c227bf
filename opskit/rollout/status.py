"""What each host really runs, against what the changelog says; who holds what; what never ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.rollout.targets import survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import Changelog, LiveRecord, RolloutRecord
    from opskit.config.model import Service
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.plan import Target
    from opskit.rollout.probe import HeldLock, HostState, Release

AGREES, RUNNING = "ok", "running"


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host: what is live there, what the changelog says should be, and a word on the difference.

    `verdict`: ok; running (a rollout is changing it); doubtful (the last change there did not end with a
    healthy service); drifted (changed by no rollout that this changelog
    knows, or by one that never ended); unrecorded (nothing known of it); empty (nothing deployed);
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
    rows = (
        _host(target, found.states.get(target.host), recorded.get(target.host), unfinished)
        for target in found.targets
    )
    return ServiceStatus(service.name, service.environment, tuple(rows), unfinished)


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
