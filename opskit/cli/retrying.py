"""What was left undone by an earlier rollout, done again: the command for it, and the tie between the two."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from opskit.errors import SelectorError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.cli.session import Session
    from opskit.rollout.plan import Plan
    from opskit.rollout.report import Report

FAILED = r"@failed:([a-z0-9]+)"
WORTH = ("partial", "interrupted")
"""Outcomes after which the rest may be done in the same way: what failed everywhere is better looked at first."""
SHA = 12  # characters of a commit that name it


def earlier(changelog: Changelog, selector: str | None) -> tuple[RolloutRecord, ...]:
    """Give the rollouts of which a selector names the hosts that they left undone; raises UnknownNameError."""
    words = dict.fromkeys(re.findall(FAILED, selector or ""))
    return tuple(changelog.rollout(word) for word in words)


def demand_some(
    selector: str | None, records: Sequence[RolloutRecord], known: Collection[str]
) -> None:
    """Raise SelectorError if a rollout is all that a selector names, and it left nothing undone that is `known` still."""
    if not re.fullmatch(FAILED, selector or ""):
        return
    record = records[0]
    undone = [host.name for host in record.hosts if host.outcome != "done"]
    if not undone:
        raise SelectorError(
            f"{record.action} {record.id} left no host undone", hint=f"see opskit log {record.id}"
        )
    if not set(undone) & set(known):
        more = f" and {len(undone) - 1} more" if len(undone) > 1 else ""
        raise SelectorError(
            f"what {record.action} {record.id} left undone is not in this environment: {undone[0]}{more}",
            hint=f"it was in {record.environment}",
        )


def remarks(session: Session, plan: Plan) -> tuple[str, ...]:
    """Say where this is not what the earlier rollout was about."""
    said = []
    for record in session.retried:
        if plan.service and record.service != plan.service:
            said.append(f"{record.id} was about {record.service or 'no service'}")
        elif plan.action == record.action == "deploy" and plan.after and record.to:
            old, new = record.to, plan.after
            if old.revision != new.revision:
                said.append(f"{record.id} rolled out {old.title}, this is {new.title}")
    return tuple(said)


def command_of(session: Session, plan: Plan, report: Report) -> str:
    """Give the command that does what this one left undone, "" if there is none that would be right."""
    context = click.get_current_context(silent=True)
    if context is None or report.outcome not in WORTH:
        return ""
    if plan.run or not _is_sure(plan, report):
        return _resuming(session, plan, report) if report.outcome == "partial" else ""
    chosen = [*_options(context, plan), "-e", plan.environment, "-H", f"@failed:{plan.rollout}"]
    given = [*_arguments(context, session, plan)]
    free = context.allow_interspersed_args
    words = [*given, *chosen] if free else [*chosen, "--", *given]
    return " ".join([context.command_path, *(shlex.quote(session.hide(word)) for word in words)])


def _is_sure(plan: Plan, report: Report) -> bool:
    """Tell whether the same command would send all hosts where they were to go: none is on its way back already, or all go to one release."""
    undone = {end.host for end in report.hosts if end.outcome != "done"}
    untouched = undone <= {target.host for target in plan.problems}
    return plan.action != "rollback" or plan.after is not None or untouched


def _resuming(session: Session, plan: Plan, report: Report) -> str:
    """Give the command that goes on with it; what was put back is deployed anew, as its failure would stop it again."""
    from opskit.rollout.leftovers import deployed_anew

    forward = plan.action == "deploy" and plan.goal == "done"
    if forward and any(end.outcome == "reverted" for end in report.hosts):
        revision = plan.after.revision if plan.after else ""
        return deployed_anew(session.service, revision, plan.environment, plan.rollout)
    revert = " --revert" if plan.goal != "done" else ""
    return f"opskit resume {plan.rollout}{revert}"


def _options(context: click.Context, plan: Plan) -> Iterator[str]:
    """Give the options that were typed, but for those that name hosts, environment and the way back."""
    named = ("hosts", "environment", "to", "pick")
    for option in context.command.params:
        name = option.name or ""
        typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not isinstance(option, click.Option) or name in named or not typed:
            continue
        value = context.params.get(name)
        flag = min(option.opts, key=len)
        if option.is_flag:
            yield flag if value is not False else max(option.secondary_opts, key=len)
        else:
            yield from (flag, str(value))
    if plan.action == "rollback" and plan.after:
        yield from ("--to", plan.after.id)


def _arguments(context: click.Context, session: Session, plan: Plan) -> Iterator[str]:
    """Give the arguments; a revision of git as the commit that it was, for names move."""
    from opskit.config.service import GitSource

    for argument in context.command.params:
        value = context.params.get(argument.name or "")
        if not isinstance(argument, click.Argument):
            continue
        if argument.name == "revision" and session.service and plan.after:
            is_commit = isinstance(session.service.source, GitSource)
            value = plan.after.revision[:SHA] if is_commit else value
        if isinstance(value, tuple):
            yield from map(str, value)
        elif value is not None:
            yield str(value)
