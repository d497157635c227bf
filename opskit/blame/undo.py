"""The command that undoes a suspect, ready to be pasted; "" where nothing does."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.changelog import Release

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.blame.model import Candidate
    from opskit.changelog import RolloutRecord, RunRecord
    from opskit.config.service import Service

SHORT = 12  # digits of a revision
LEFT_OPEN = ("unfinished", "interrupted", "abandoned")
RESUMED = ("deploy", "rollback")
"""Actions that `opskit resume --revert` takes back, if they are not over."""
NOTHING = {
    "restart": "nothing takes a restart back",
    "reboot": "nothing takes a reboot back",
    "replace": "nothing brings the old machine back",
    "task": "what takes it back, only who wrote the task knows",
    "exec": "what takes it back, only who typed the command knows",
    "note": "a note changes nothing",
    "thaw": "to freeze it again: opskit freeze",
}
"""Why there is no command, by kind."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What can be gone back to: `kept` by service and host, as names and revisions of releases (hosts that nobody asked are not in it), and whether commits can be `deployed` anew."""

    kept: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    deployed: bool = False

    def has(self, service: str, hosts: Iterable[str], name: str) -> bool:
        """Tell whether these hosts have that release or revision still, as far as anybody knows."""
        return all(name in self.kept.get((service, host), (name,)) for host in hosts)


def of_rollout(record: RolloutRecord, hosts: Iterable[str], ways: Ways) -> str:
    """Give the command that takes a rollout back on `hosts`, those that run what it brought."""
    left = [host.name for host in record.hosts if host.name in set(hosts)]
    if record.outcome in LEFT_OPEN and record.action in RESUMED:
        return line("resume", record.id, "--revert", "-m", _why(record.id))
    if not left:
        return ""
    if record.action in RESUMED:
        return _back(record, left, ways)
    if record.action in ("drain", "restore"):
        other = "--restore" if record.action == "drain" else "--drain"
        return line("lb", record.service, other, *_there(record, left))
    return ""


def of_run(run: RunRecord) -> str:
    """Give the command that puts back what a run of a runbook has left open."""
    return line("runbook", "undo", run.id) if run.liabilities else ""


def also_undone(candidate: Candidate, others: Iterable[Candidate]) -> tuple[str, ...]:
    """Give what came on top of a deploy, and goes with it when that is undone: ids, the oldest first."""
    if candidate.kind != "deploy" or not candidate.undo:
        return ()
    later = [
        other
        for other in others
        if other.kind == "deploy"
        and other.service == candidate.service
        and other.id != candidate.id
        if any(
            at > candidate.flips.get(host, at)
            for host, at in other.flips.items()
            if host not in other.retreats
        )
    ]
    return tuple(other.id for other in sorted(later, key=lambda each: each.at))


def by_hand(service: Service, hosts: Iterable[str]) -> tuple[str, ...]:
    """Give where and why what somebody's hand changed is undone, as options."""
    return (
        "-H",
        fold(hosts),
        "-e",
        service.environment,
        "-m",
        "what was changed by hand is undone",
    )


def fold(hosts: Iterable[str]) -> str:
    """Give hosts in short; of one, without what that takes to import."""
    names = list(hosts)
    if len(names) == 1:
        return names[0]
    from opskit.fleet.selectors import fold

    return fold(names)


def line(*words: str) -> str:
    """Give a command of opskit as it is typed."""
    return shlex.join(["opskit", *words])


def back_to(service: str, release: Release, hosts: Iterable[str], ways: Ways) -> tuple[str, ...]:
    """Give the words that bring hosts back to a release: by its revision, of which each may have another release by now; where that is gone, as a deploy, or () if nothing can."""
    name = release.revision or release.release
    short = release.revision[:SHORT] or release.release
    if ways.has(service, hosts, name):
        return ("rollback", service, "--to", short)
    return ("deploy", service, short) if ways.deployed and release.revision else ()


def is_same(old: Iterable[Release], new: Iterable[Release]) -> bool:
    """Tell whether a rollout brought the revision that ran there already, so that there is nothing to take back."""
    before, after = ({release.revision for release in each} for each in (old, new))
    return before == after and len(after) == 1 and "" not in after


def _back(record: RolloutRecord, hosts: list[str], ways: Ways) -> str:
    """Give what brings back what these hosts ran before: where that was not the same on all, to what was last good on each."""
    told = [host for host in record.hosts if host.name in hosts]
    new = {host.name: host.goal or record.to or Release() for host in told}
    before = {host.name: host.before for host in told if not host.before or not is_same([host.before], [new[host.name]])}  # fmt: skip
    goals = {goal.revision or goal.release: goal for goal in before.values() if goal}
    if not goals:
        return ""
    there, (goal, *others) = _there(record, list(before)), goals.values()
    if others or None in before.values():
        return line("rollback", record.service, *there)
    words = back_to(record.service, goal, before, ways)
    return line(*words, *there) if words else ""


def _there(record: RolloutRecord, hosts: list[str]) -> tuple[str, ...]:
    return ("-H", fold(hosts), "-e", record.environment, "-m", _why(record.id))


def _why(id: str) -> str:
    return f"takes back {id}"
