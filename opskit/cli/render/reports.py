"""What came of a rollout, as people and programs read it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from opskit.cli.render import envelope, plans, text
from opskit.errors import LockLostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.rollout.plan import Plan
    from opskit.rollout.report import HostResult, Report

REST = "what was left undone"
COLOURS = {"done": "green", "reverted": "green", "partial": "yellow", "interrupted": "yellow"}


def show(report: Report, plan: Plan, *, command: str, as_json: bool, retry: str = "") -> int:
    """Show the end of a rollout, and the command that does the rest, and give its exit code."""
    if as_json:
        told = {**data(report, plan), "retry": retry}
        return envelope.show(command, told, exit_code=report.exit_code)
    for warning in report.warnings:
        text.mention(f"warning: {warning}", colour="yellow", wrap=True)
    text.say_on(summary(report), colour=COLOURS.get(report.outcome, "red"), bold=True)
    if report.reason:
        text.say_on(f"  {report.reason}", wrap=True)
    text.say_on(f"  {report.action} {report.rollout}{_where_it_stands(report)}")
    if retry:
        text.say_on(f"  {REST}: {retry}", wrap=True)
    if is_resumable(report):
        back = " (with --revert to take it back)" if report.service else ""
        text.say_on(f"  to go on: opskit resume {report.rollout}{back}")
    return report.exit_code


def is_resumable(report: Report) -> bool:
    """Tell whether somebody may want to go on: it was interrupted, or a host's state is not known."""
    lost = any(_is_lost(host) for host in report.hosts)
    return report.outcome == "interrupted" or (report.outcome != "done" and lost)


def _is_lost(host: HostResult) -> bool:
    """Tell whether a host may have been changed, and nobody knows what runs there, or another run has come."""
    away = host.outcome in ("unknown", "unreachable", "failed") and host.after and not host.live
    return bool(away) or LockLostError.words in host.error


def mention(report: Report, plan: Plan, *, spoken: bool = False, retry: str = "") -> int:
    """Say on standard error what did not go well, and give the exit code; what went well needs no word.

    `spoken` says that what hosts said was shown while they said it.
    """
    bad = [
        _unspoken(report, host, spoken=spoken) for host in report.hosts if host.outcome != "done"
    ]
    for hosts in _alike(bad, plan):
        for line in host_lines(hosts[0], plan, also=[host.host for host in hosts[1:]]):
            text.mention(line)
    for warning in report.warnings:
        text.mention(f"warning: {warning}", colour="yellow", wrap=True)
    colour = COLOURS.get(report.outcome, "red")
    text.mention(f"{summary(report)}{_where_it_stands(report)}", colour=colour)
    if retry:
        text.mention(f"  {REST}: {retry}", wrap=True)
    return report.exit_code


def _unspoken(report: Report, host: HostResult, *, spoken: bool) -> HostResult:
    """Give a result without what its host said, if that stands on the screen already."""
    known = _has_spoken(report, host) or (spoken and host.outcome != "unreachable")
    return replace(host, output="") if known else host


def _alike(results: Sequence[HostResult], plan: Plan) -> list[list[HostResult]]:
    """Give results together of which the same is said, in the order of the first of each."""
    found: dict[tuple[str, ...], list[HostResult]] = {}
    for result in results:
        _, *rest = host_lines(result, plan)
        found.setdefault((result.outcome, *_steps(result), *rest), []).append(result)
    return list(found.values())


def _where_it_stands(report: Report) -> str:
    return (
        f": opskit log {report.rollout}"
        if report.recorded
        else ", which the changelog does not have"
    )


def _has_spoken(report: Report, host: HostResult) -> bool:
    """Tell whether a host's own output stands on the screen already."""
    return any(result.host == host.host for result in report.outputs)


def summary(report: Report) -> str:
    """Say in one line how a rollout ended."""
    counts: dict[str, int] = {}
    for host in report.hosts:
        counts[host.outcome] = counts.get(host.outcome, 0) + 1
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    what = f"{report.action} {report.service}".strip()
    return f"{what}: {report.outcome} ({said}) in {text.duration(report.seconds)}"


def ended(hosts: Sequence[str], outcome: str) -> str:
    """Say in one line what came of hosts of which there is nothing else to say."""
    from opskit.fleet.selectors import fold

    return f"{fold(hosts)}  {text.Status(outcome).text()}"


def host_lines(result: HostResult, plan: Plan, *, also: Sequence[str] = ()) -> list[str]:
    """Say what came of one host, and of others `also`: one line, and for a failure why, the last output, what to do."""
    lines = ["  ".join((ended([result.host, *also], result.outcome), *_steps(result)))]
    if result.outcome == "skipped":
        return lines
    if result.error:
        lines.append(f"    {result.error}")
    lines += [f"    | {line}" for line in result.output.splitlines()[-text.SHOWN_OUTPUT_LINES :]]
    if result.hint:
        lines.append(f"    {result.hint}")
    runs = plan.service and (result.live or result.after)  # a drain by hand asks nobody
    if runs and result.outcome not in ("done", "unreachable"):
        lines.append(f"    {_now(result, plan)}")
    return lines


def _steps(result: HostResult) -> list[str]:
    steps = ", ".join(f"{s.step} {text.duration(s.ms / 1000)}" for s in result.steps)
    return [steps] if steps else []


def _now(result: HostResult, plan: Plan) -> str:
    """Say what a host runs after something went wrong there."""
    target = plan.targets_by_host[result.host]
    known = {release.id: release.title for release in (target.before, target.after) if release}
    if result.outcome == "reverted":
        return f"back on {known.get(result.live, result.live)}"
    return (
        f"runs {known.get(result.live, result.live)} now"
        if result.live
        else "runs nothing that is known"
    )


def data(report: Report, plan: Plan) -> dict[str, object]:
    """Give a report as the JSON contract has it."""
    outputs = {
        result.host: {
            "exit": result.exit,
            "stdout": result.text,
            "stderr": result.stderr.decode("utf-8", "replace"),
            "truncated": result.truncated,
        }
        for result in report.outputs
    }
    said = asdict(report)
    said["hosts"] = [{**asdict(host), "output": host.output} for host in report.hosts]
    said["outputs"] = outputs
    said["seconds"] = round(report.seconds, 3)
    return {**said, "plan": plans.data(plan)}
