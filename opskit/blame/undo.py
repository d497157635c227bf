"""The command that undoes a suspect, ready to be pasted; "" where nothing does."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opskit.blame.model import Candidate
    from opskit.changelog import Release, RolloutRecord, RunRecord
    from opskit.config.service import Service

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


def of_rollout(record: RolloutRecord, hosts: Iterable[str]) -> str:
    """Give the command that takes a rollout back on `hosts`, those that run what it brought."""
    left = [host.name for host in record.hosts if host.name in set(hosts)]
    if record.outcome in LEFT_OPEN and record.action in RESUMED:
        return line("resume", record.id, "--revert", "-m", _why(record.id))
    if not left:
        return ""
    if record.action in RESUMED:
        return _back(record, left)
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


def _back(record: RolloutRecord, hosts: list[str]) -> str:
    """Give the rollback to what these hosts ran before: where that was not the same on all, to what was last good on each."""
    before = {host.name: host.before for host in record.hosts if host.name in hosts}
    goals: set[Release | None] = set(before.values())
    if goals == {None}:
        return ""
    to = [name for goal in goals if goal and len(goals) == 1 for name in ("--to", goal.release)]
    return line("rollback", record.service, *to, *_there(record, hosts))


def _there(record: RolloutRecord, hosts: list[str]) -> tuple[str, ...]:
    return ("-H", fold(hosts), "-e", record.environment, "-m", _why(record.id))


def _why(id: str) -> str:
    return f"takes back {id}, the first suspect"
