"""What is left to do on a host of a resumed rollout, given where it was left, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.rollout.relics import BACK, CHANGED, DONE, FRESH, HALF, HALF_BACK
from opskit.rollout.report import HostResult
from opskit.rollout.targets import out_of_reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.errors import OpskitError
    from opskit.rollout.plan import Target
    from opskit.rollout.relics import Relic

REVERTED = "reverted"
SAID = {
    DONE: "has it already, and it is well there",
    HALF: "was switched, and nobody knows whether it is well: it is restarted and checked",
    BACK: "was put back before: it was not healthy there",
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


def at_rest(target: Target, word: str, *, revert: bool) -> HostResult:
    """Give the result of a host on which nothing is left to do."""
    before, after = (r.id if r else "" for r in (target.before, target.after))
    if word == DONE:
        return HostResult(target.host, DONE, before, after, live=after)
    error = "" if revert else "it was put back, because it was not healthy there"
    return HostResult(target.host, REVERTED, before, after, live=before, error=error)
