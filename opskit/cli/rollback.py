"""`opskit rollback`: every host back to the release that was last good on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import click

from opskit.cli import options, picking, session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opskit.cli.choice import Choice
    from opskit.cli.session import Session
    from opskit.config.service import Service
    from opskit.rollout.context import Run
    from opskit.rollout.report import Report
    from opskit.rollout.rollback import RollbackPlan


class _Goal(TypedDict):
    to: str
    past: str
    known: Mapping[str, str]


@click.command()
@options.service
@click.option(
    "--to",
    metavar="RELEASE",
    help="Not the last good one, but this: a revision, label or release.",
)
@click.option("--pick", is_flag=True, help="Choose from a list: how old, whose, why, good or bad.")
@options.environment
@options.hosts
@click.option(
    "--past-irreversible",
    metavar="REASON",
    callback=options.reasoned,
    help="Go back over what cannot be taken back; the changelog keeps the reason.",
)
@options.change(frozen=False)
def rollback(
    service: str,
    *,
    to: str | None,
    pick: bool,
    environment: str | None,
    hosts: str | None,
    past_irreversible: str | None,
    choice: Choice,
) -> int:
    """Put hosts back to the release that was last good on each.

    Without -H, hosts that do not run the newest release that is live anywhere stay as they are. The release that is left is marked bad and kept. A changelog that cannot be written stops nothing here.
    """
    with session.on_service(choice, service, environment, hosts) as (opened, what):
        from opskit.rollout.rollback import plan_rollback, rollback

        made = plan_rollback(
            service=what,
            hosts=opened.hosts,
            fleet=opened.fleet,
            why=session.reason(opened, choice),
            each=hosts is not None,
            **_goal(opened, what, picking.chosen(opened, what, to, pick=pick), past_irreversible),
            gates=opened.gates(what),
            **opened.recorded(choice),
        )
        return _carry_out(opened, choice, made, lambda run: rollback(made, run))


def _goal(opened: Session, service: Service, to: str, reason: str | None) -> _Goal:
    """Give where to go, what cannot be taken back, and why it is all the same."""
    from opskit.rollout.irreversible import recorded

    return {"to": to, "past": reason or "", "known": recorded(opened.changelog, service)}


def _carry_out(
    opened: Session, choice: Choice, made: RollbackPlan, do: Callable[[Run], Report]
) -> int:
    """Do it as every change is done, once it is sure that it may be."""
    if not choice.dry_run:
        made.demand_allowed()
    return session.carry_out(opened, choice, made.plan, do)
