"""What is left to do on a host of a resumed rollout, given where it was left, and what is said of it."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.config.service import GitSource
from opskit.errors import RefusedError
from opskit.fleet.selectors import fold
from opskit.rollout.commands import commands_of, stage_commands
from opskit.rollout.relics import BACK, CHANGED, DONE, FRESH, HALF, HALF_BACK
from opskit.rollout.report import HostResult
from opskit.rollout.targets import out_of_reach

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.changelog import RolloutRecord
    from opskit.config.service import Service
    from opskit.errors import OpskitError
    from opskit.rollout.gates import Gates
    from opskit.rollout.plan import Plan, Target
    from opskit.rollout.relics import Relic
    from opskit.rollout.remembered import Remembered

REVERTED = "reverted"
SHA = 12  # characters of a commit that name it
WAS_PUT_BACK = "it was put back, or went back by itself, before anybody found it healthy"
SAID = {
    DONE: "has it already, and it is well there",
    HALF: "was switched, and nobody knows whether it is well: it is restarted and checked",
    BACK: "was put back before, or went back by itself",
    HALF_BACK: "was being put back: that is finished",
    FRESH: "was not reached yet",
}
SAID_BACK = {
    DONE: "goes back",
    HALF: "was switched, and goes back",
    BACK: "was put back before",
    HALF_BACK: "was being put back: that is finished",
    FRESH: "was not reached: it stays as it is",
}


def target_now(
    target: Target,
    relics: Mapping[str, Relic],
    found: Mapping[str, str],
    errors: Mapping[str, OpskitError],
    *,
    revert: bool,
) -> Target:
    """Give a host of the plan, with what stands in its way now."""
    if target.host in errors:
        out = out_of_reach(target.host, errors[target.host])
        return replace(out, before=target.before, after=target.after)
    word = found[target.host]
    if word == CHANGED:
        by = relics[target.host].state.receipt
        who = f" by {by['action']} {by['rollout']}" if {"action", "rollout"} <= by.keys() else ""
        problem = f"was changed since{who}: it is left alone"
        return replace(target, problem=problem, outcome="failed", hint="see: opskit status")
    if revert and target.before is None and word in (DONE, HALF):
        return replace(target, problem="had nothing before that it could go back to", outcome="failed")  # fmt: skip
    return target


def has_work(word: str, *, revert: bool) -> bool:
    """Tell whether something is left to do on a host that was left so."""
    return word in ((DONE, HALF, HALF_BACK) if revert else (HALF, HALF_BACK, FRESH))


def at_rest(target: Target, word: str, *, revert: bool, error: str = "") -> HostResult:
    """Give the result of a host on which nothing is left to do; `error` is why it was put back, if that is known."""
    before, after = (r.id if r else "" for r in (target.before, target.after))
    if word == DONE:
        return HostResult(target.host, DONE, before, after, live=after)
    error = "" if revert else error or WAS_PUT_BACK
    return HostResult(target.host, REVERTED, before, after, live=before, error=error)


def ends_at_rest(
    idle: Sequence[Target], record: RolloutRecord, found: Mapping[str, str], *, revert: bool
) -> tuple[HostResult, ...]:
    """Give the results of hosts where nothing is left to do; of those that were never touched, who takes back says nothing."""
    errors = {host.name: host.error for host in record.hosts}
    said = [target for target in idle if not (revert and found[target.host] == FRESH)]
    return tuple(at_rest(t, found[t.host], revert=revert, error=errors[t.host]) for t in said)


def over_budget(
    record: RolloutRecord, memory: Remembered, found: Mapping[str, str], service: Service
) -> tuple[str, ...]:
    """Say which hosts use up the failure budget by where they were left, so that nothing else is changed; nothing if they do not.

    Raises RefusedError if there would be nothing to do but to stop again; one that never ended may still be given its end.
    """
    back = [host for host, word in found.items() if word == BACK]
    bad = [*back, *(host for host, word in found.items() if word == HALF_BACK)]
    if len(bad) <= memory.max_failures:
        return ()
    failed = "failure is" if memory.max_failures == 1 else "failures are"
    what = f"{fold(bad)} was put back, or went back by itself, and {memory.max_failures} {failed} allowed"
    revision = memory.after.revision if memory.after else ""
    command = deployed_anew(service, revision, record.environment, record.id)
    anew = f"the rest anew: {command}"
    if len(back) > memory.max_failures and record.outcome != "unfinished":
        hint = f"{anew}; to take it back: opskit resume {record.id} --revert"
        raise RefusedError(f"{record.action} {record.id} cannot go on: {what}", hint=hint)
    return (f"{what}: no other host is changed; {anew}",)


def gated_as_before(plan: Plan, memory: Remembered, service: Service, gates: Gates) -> Plan:
    """Give the plan with the `gates` of today; what becomes of a run that is stopped was said when it began."""
    gates = replace(gates, on_failure=memory.on_failure)
    return replace(plan, gates=gates, gated=bool(service.health or service.restart))


def commands_left(
    plan: Plan, service: Service, found: Mapping[str, str], *, staged: bool
) -> tuple[tuple[str, str], ...]:
    """Give the commands for each host, as a dry run shows them; is all `staged`, or is that done again where it is missing?"""
    words = {found[host] for batch in plan.batches for host in batch if host in found}
    busy = next((host for batch in plan.batches for host in batch), "")
    if not busy:
        return ()
    target, back = plan.targets_by_host[busy], plan.goal == REVERTED
    to = target.before if back else target.after
    named = {"rollout": plan.rollout, "owner": plan.owner}
    if plan.action == "restart" or to is None:
        return commands_of(service, **named)
    said = commands_of(service, release=to.id, **named)
    if words == {HALF} and not back:
        return tuple(each for each in said if each[0] != "switch")
    return said if staged else (*stage_commands(service, release=to.id, **named), *said)


def deployed_anew(service: Service | None, revision: str, environment: str, rollout: str) -> str:
    """Give the command that deploys what a rollout deployed to the hosts that have it not."""
    if service is None:
        return ""
    version = [revision[:SHA]] if isinstance(service.source, GitSource) and revision else []
    chosen = ["-e", environment, "-H", f"@failed:{rollout}"]
    return shlex.join(["opskit", "deploy", service.name, *version, *chosen])
