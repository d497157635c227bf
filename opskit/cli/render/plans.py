"""A plan as people read it: from and to, batches, what can go wrong at most, the exact commands."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from opskit.cli.render import envelope, table, text

if TYPE_CHECKING:
    from opskit.cli.render.text import Status
    from opskit.rollout.plan import Plan, Target
    from opskit.rollout.probe import Release
    from opskit.rollout.seats import Drains


def show(plan: Plan, *, command: str, as_json: bool) -> int:
    """Show what a dry run found; gives the exit code: 0, or 1 if the plan could not be done."""
    exit_code = 1 if plan.hopeless else 0
    if as_json:
        return envelope.show(command, {"dry_run": True, "plan": data(plan)}, exit_code=exit_code)
    text.say(f"{headline(plan)}: nothing is changed (dry run)", bold=True)
    header = ("BATCH", "HOST", "FROM", "TO", "")
    table.show(header, [_row(plan, target) for target in plan.targets])
    turns = _from_to(plan) if plan.action == "rollback" else []
    for line in (*turns, *arithmetic(plan), *remarks(plan)):
        text.say(line, wrap=True)
    text.say("")
    text.say("commands, for each host in turn:", bold=True)
    for step, script in plan.commands:
        text.say(f"  # {step}")
        for line in script.splitlines():
            text.say(f"    {line}")
    return exit_code


def summarise(plan: Plan) -> None:
    """Say in a few lines, before the operator is asked, what is going to happen."""
    text.mention(headline(plan), bold=True)
    for line in (*(_from_to(plan)), *arithmetic(plan), *remarks(plan)):
        text.mention(f"  {line}", wrap=True)
    for target in plan.problems:
        text.mention(f"  {target.host}: {target.problem}", colour="red", wrap=True)
    if plan.hopeless:
        text.mention(f"  {_why_hopeless(plan)}", colour="red")


def _why_hopeless(plan: Plan) -> str:
    if not plan.ready:
        return "so there is no host to change"
    others = ",".join(plan.ready)
    return (
        f"so nothing is changed: max_failures is {plan.max_failures}; "
        f"the others alone are -H {shlex.quote(others)}"
    )


def headline(plan: Plan) -> str:
    """Say what a plan is about, in one line."""
    what = " ".join(filter(None, (plan.action, plan.service or plan.task or plan.script)))
    to = f" to {plan.after.title}" if plan.after and plan.action != "restart" else ""
    return f"{what}{to} in {plan.environment}, {text.plural(len(plan.hosts), 'host')}"


def arithmetic(plan: Plan) -> list[str]:
    """Say the batches, and the most hosts that can be bad before a gate stops the run."""
    if not plan.is_rolling:
        return []
    sizes = " + ".join(str(len(batch)) for batch in plan.batches) or "0"
    gate = (
        f"at most {text.plural(plan.most_bad, 'host')} can be bad before the gate stops it{_worst(plan)}"
        if plan.gated
        else "no health check and no restart: nothing would stop a bad release"
    )
    budget = f"{text.plural(plan.max_failures, 'failure')} allowed" if plan.max_failures else ""
    return [f"batches: {sizes}; {'; '.join(filter(None, (gate, budget)))}", *_gates(plan)]


def _worst(plan: Plan) -> str:
    if not plan.worst_seconds:
        return ""
    minutes = host_minutes(plan.worst_seconds)
    return f", for {minutes:g} host-minute{'' if minutes == 1 else 's'} at most"


def host_minutes(seconds: float) -> float:
    """Give how long hosts are bad altogether, in minutes with one decimal; never 0 for a moment."""
    return max(round(seconds / 60, 1), 0.1)


def _gates(plan: Plan) -> list[str]:
    """Say what else must hold, and what becomes of hosts that have the change when the run is stopped."""
    gates, drains = plan.gates, plan.drains
    said = [
        f"{gates.floor} of {gates.hosts} hosts stay healthy" if gates.floor else "",
        *(f"{f.least} of {len(f.hosts)} hosts of {f.service} stay healthy" for f in gates.floors),
        f"a pause of {gates.pause:g} s" if gates.pause else "",
        "a gate of its own" if gates.check else "",
    ]
    lines = ["between batches: " + ", ".join(filter(None, said))] if any(said) else []
    if drains and drains.seats:
        asked = {seat.at for seat in drains.seats}  # the others do not answer, as a note says
        doors = ", ".join(door for door in drains.sockets if door in asked)
        lines.append(f"drained before, put back after on {doors}; {drains.drain:g} s for sessions")
    if gates.on_failure == "rollback" and plan.action == "deploy":
        lines.append("if the run is stopped, all hosts go back")
    return lines


def remarks(plan: Plan) -> list[str]:
    """Say the commits that come with it and whatever else is worth knowing."""
    lines = [
        f"{commit.sha[:8]} {commit.subject} ({commit.author})" for commit in plan.commits[:10]
    ]
    if len(plan.commits) > len(lines):
        lines.append(f"and {len(plan.commits) - len(lines)} more commits")
    return [*lines, *(f"note: {note}" for note in plan.notes)]


def data(plan: Plan) -> dict[str, object]:
    """Give a plan as the JSON contract has it."""
    return {
        "rollout": plan.rollout,
        "action": plan.action,
        "service": plan.service,
        "environment": plan.environment,
        "why": plan.why,
        "hosts": [_host(plan, target) for target in plan.targets],
        "batches": [list(batch) for batch in plan.batches],
        "max_failures": plan.max_failures,
        "most_bad": plan.most_bad,
        "worst_host_minutes": host_minutes(plan.worst_seconds) if plan.worst_seconds else None,
        "gates": {
            "hosts": plan.gates.hosts,
            "min_healthy": plan.gates.floor,
            "pause": plan.gates.pause,
            "on_failure": plan.gates.on_failure,
        },
        "drains": _drains(plan.drains),
        "commits": list(plan.commits),
        "notes": list(plan.notes),
        "commands": [{"step": step, "script": script} for step, script in plan.commands],
    }


def _drains(drains: Drains | None) -> dict[str, object] | None:
    if drains is None:
        return None
    times = {"drain": drains.drain, "restore": drains.restore}
    return {**times, "seats": [seat.body() for seat in drains.seats]}


def title(release: Release | None) -> str:
    """Name a release for people; a dash where there is none."""
    return release.title if release else "-"


def _from_to(plan: Plan) -> list[str]:
    pairs: dict[tuple[str, str], list[str]] = {}
    for target in plan.targets:
        if target.after and not target.problem:
            pairs.setdefault((title(target.before), title(target.after)), []).append(target.host)
    back = plan.action == "rollback"  # in a hurry, nobody is to wonder which of the two is meant
    return [
        f"{text.plural(len(hosts), 'host')}: {f'TO {new} FROM {old}' if back else f'from {old} to {new}'}"
        for (old, new), hosts in pairs.items()
        if old != new
    ]


def _row(plan: Plan, target: Target) -> tuple[str | Status, ...]:
    batch = plan.batch_of(target.host)
    last = f"{target.problem}; {target.hint}" if target.hint else target.problem
    return (str(batch or "-"), target.host, title(target.before), title(target.after), last)


def _host(plan: Plan, target: Target) -> dict[str, object]:
    return {
        "name": target.host,
        "batch": plan.batch_of(target.host),
        "from": target.before,
        "to": target.after,
        "problem": target.problem,
    }
