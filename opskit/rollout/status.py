"""What each host really runs, against what the changelog says; who holds what; what never ended."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.errors import ChangelogError
from opskit.fleet.selectors import fold
from opskit.rollout import edits
from opskit.rollout.doors import absent, ours_of
from opskit.rollout.freeze import NOT_FROZEN, Frozen
from opskit.rollout.memory import Memory, changed_by_hand, last_change
from opskit.rollout.remembered import UPKEEP
from opskit.rollout.targets import ask_all, survey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opskit.changelog import Changelog, LiveRecord, RolloutRecord
    from opskit.config.model import ChangelogSettings
    from opskit.config.service import Service
    from opskit.fleet.command import Outcome
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.edits import Edits
    from opskit.rollout.plan import Target
    from opskit.rollout.probe import HeldLock, HostState, Release
    from opskit.rollout.seats import Seat
    from opskit.rollout.targets import Survey

AGREES, RUNNING = "ok", "running"
SURPRISES = ("unrecorded", "drifted")
PLURALS = {"was": "were", "is": "are", "has": "have", "goes": "go", "runs": "run"}


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host: what is live there, what the changelog says should be, and a word on the difference.

    `verdict`: ok; running (a rollout is changing it); doubtful (the last change there did not end with a
    healthy service); unrecorded (a rollout that the changelog lacks changed it last, as its receipt says); drifted (no receipt
    explains what is live, or files of the live release were changed, or a rollout never ended, or the host does not confirm the
    last one); empty (nothing deployed); unreachable. `note` says more.
    """

    host: str
    verdict: str
    live: Release | None
    recorded: LiveRecord | None
    locks: tuple[HeldLock, ...] = ()
    note: str = ""
    edits: Edits | None = None


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service in one environment: its hosts, the rollouts that have no end, and whether it may be changed now.

    `remark` says if hosts run different versions, which may be meant.
    """

    service: str
    environment: str
    hosts: tuple[HostStatus, ...]
    unfinished: tuple[RolloutRecord, ...]
    frozen: Frozen = NOT_FROZEN
    remark: str = ""
    left_out: tuple[tuple[Seat, RolloutRecord], ...] = ()
    """Where hosts are out of load balancers by the changelog, and the rollout that took them out."""
    taken_out: tuple[tuple[Seat, str], ...] = ()
    """Where hosts are out of load balancers by nobody whom the changelog knows, and how they are there."""
    unasked: tuple[str, ...] = ()
    """Why load balancers could not be asked that."""

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
    whole: bool = False,
    asked: Iterable[Outcome[HostState]] | None = None,
) -> ServiceStatus:
    """Ask every host of a service and compare with the changelog; changes nothing. Those that have been `asked` before are not asked again.

    Without a changelog (it cannot be read), hosts are still asked. `settings` say who vouches for what the changelog says.
    Files of live releases are read if they were touched, all of them if the `whole` is asked for. Raises ChangelogError.
    """
    unfinished = _unfinished(changelog, service, hosts) if changelog else ()
    ask = functools.partial(edits.probe, whole=whole)
    if asked is None:
        asked = ask_all(fleet, hosts, path=service.path, ask=ask)
    found = survey(fleet, hosts, path=service.path, asked=asked)
    states = found.states.values()
    memory = Memory.of(changelog, service, states, settings) if changelog else Memory()
    rows = [
        _with_edits(row, found.states.get(row.host), whole=whole)
        for row in _compared(service, found, changelog, memory, unfinished)
    ]
    tried = (record for record in memory.known.values() if record.outcome != "refused")
    remark = _mixed(rows, next(tried, None))
    out = absent(service, hosts, fleet, changelog)
    return ServiceStatus(
        service.name,
        service.environment,
        tuple(rows),
        unfinished,
        remark=remark,
        left_out=tuple((seat, by) for seat, by in out.left.items() if by.outcome != RUNNING),
        taken_out=out.taken,
        unasked=out.unasked,
    )


@dataclass(frozen=True, slots=True)
class Judge:
    """What a plan asks the changelog about: changes to hosts that it does not know, and that the plan would go over."""

    changelog: Changelog
    settings: ChangelogSettings

    def left_out(self, service: Service, seats: Iterable[Seat]) -> tuple[Seat, ...]:
        """Give which of these seats rollouts of a service that are over took out and never put back."""
        return ours_of(self.changelog, service, seats)

    def notes(self, service: Service, found: Survey) -> tuple[str, ...]:
        """Say of hosts what `opskit status` would find unrecorded or drifted, equal words once; never raises for a changelog."""
        try:
            rows = compared(service, found, self.changelog, self.settings)
        except ChangelogError as error:
            return (f"not compared with the changelog: {error.what}",)
        told = {
            (row.host, f"{row.verdict}: {row.note}") for row in rows if row.verdict in SURPRISES
        }
        return by_words(told)


def compared(
    service: Service, found: Survey, changelog: Changelog, settings: ChangelogSettings
) -> tuple[HostStatus, ...]:
    """Give what `opskit status` says of the hosts of a survey; those that are to be compared by file were asked so. Raises ChangelogError."""
    memory = Memory.of(changelog, service, found.states.values(), settings)
    unfinished = _unfinished(changelog, service, [target.host for target in found.targets])
    rows = _compared(service, found, changelog, memory, unfinished)
    return tuple(_with_edits(row, found.states.get(row.host), whole=False) for row in rows)


def by_words(told: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Give what is told of hosts, equal words once behind the hosts that they are about, in the order of the hosts."""
    found: dict[str, list[str]] = {}
    for host, words in sorted(told):
        found.setdefault(words, []).append(host)
    return tuple(f"{fold(hosts)} {_of(len(hosts), words)}" for words, hosts in found.items())


def _of(hosts: int, words: str) -> str:
    """Give words that begin with a verb as they are said of so many hosts."""
    verb, space, rest = words.partition(" ")
    return f"{PLURALS.get(verb, verb)}{space}{rest}" if hosts > 1 else words


def _compared(
    service: Service,
    found: Survey,
    changelog: Changelog | None,
    memory: Memory,
    unfinished: Sequence[RolloutRecord],
) -> Iterable[HostStatus]:
    recorded = changelog.live(service.name, service.environment) if changelog else {}
    for target in found.targets:
        state = found.states.get(target.host)
        said = _host(target, state, recorded.get(target.host), unfinished, memory)
        yield memory.checked(said, state)


def _with_edits(found: HostStatus, state: HostState | None, *, whole: bool) -> HostStatus:
    """Give a host's status with what was changed in its live release: drift, unless a rollout is at work there."""
    seen = state.edits if state else None
    if seen is None or found.live is None:
        return found
    verdict, notes = found.verdict, [found.note]
    if seen.drift:
        notes.append(f"changed by hand in its release: {seen.drift}")
        verdict = "drifted" if verdict in (AGREES, "doubtful") else verdict
    elif whole and not seen.looked:
        notes.append("its files could not be compared with a manifest")
        verdict = "doubtful" if verdict == AGREES else verdict
    notes.append(seen.remark)
    return replace(found, verdict=verdict, note="; ".join(filter(None, notes)), edits=seen)


def _mixed(rows: Sequence[HostStatus], last: RolloutRecord | None) -> str:
    """Say which hosts run what, if that is not the same, and of the last rollout whether it was not done."""
    hosts: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    for row in rows:
        if row.live:
            version = row.live.revision or row.live.id
            hosts.setdefault(version, []).append(row.host)
            titles[version] = row.live.title
    if len(hosts) < 2:
        return ""
    said = ", ".join(f"{titles[version]} on {fold(names)}" for version, names in hosts.items())
    if last is None or last.outcome in ("done", "running", "unfinished"):
        return f"{len(hosts)} versions are live: {said}"
    verb = "resume" if last.outcome == "interrupted" else "log"
    how = f"{last.action} {last.id} by {last.actor} is {last.outcome}: opskit {verb} {last.id}"
    return f"{len(hosts)} versions are live: {said}; {how}"


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
    if last and verdict != AGREES and not changed_by_hand(state):
        verdict = RUNNING if last.outcome == RUNNING else verdict
        note = f"{last.action} {last.id} {'is under way' if verdict == RUNNING else 'never ended'}"
    return HostStatus(target.host, verdict, state.current, recorded, state.locks, note)


def _compare(state: HostState, recorded: LiveRecord | None) -> tuple[str, str]:
    if not (state.live or state.blocked):
        gone = "its release is gone"
        if state.releases:
            gone = "`current` is gone: the link that says which release is live"
        return ("drifted", gone) if recorded else ("empty", "nothing deployed")
    if changed := changed_by_hand(state):
        return "drifted", changed
    if recorded is None:
        return "unrecorded", "deployed by a rollout that this changelog does not know"
    if recorded.release != state.live:
        return (
            "drifted",
            f"{last_change(state.receipt)}, but the changelog says {recorded.rollout}",
        )
    if not state.proven:
        action, rollout = (state.receipt.get(name, "?") for name in ("action", "rollout"))
        how = f"{action} {rollout} did not end well here, or could not write here that it did"
        return "doubtful", f"{how}: see `opskit log {rollout}`; a restart checks it anew"
    return AGREES, ""


def _unfinished(
    changelog: Changelog, service: Service, hosts: Sequence[str]
) -> tuple[RolloutRecord, ...]:
    """Give the rollouts that have no end: of the service, and those of whole hosts that it lives on."""
    of_service = Filter(service=service.name, environment=service.environment, limit=20)
    of_hosts = of_service._replace(service="", hosts=tuple(hosts))
    wanted = (of_service, *(of_hosts._replace(action=action) for action in UPKEEP))
    found = (
        record
        for outcome in ("running", "unfinished")
        for each in wanted
        for record in changelog.rollouts(each._replace(outcome=outcome))
    )
    return tuple(found)
