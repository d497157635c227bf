"""Regain: what a host ran before it was replaced, deployed to it again, by a rollout of its own that the changelog names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.errors import HostError, SourceError
from opskit.rollout.deploy import deploy, plan_deploy
from opskit.rollout.facts import StepBegun, Teller, Warned
from opskit.rollout.gates import gates_of
from opskit.rollout.source import find_same
from opskit.rollout.stop import STOP_NOW, Stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.rollout.context import Run
    from opskit.rollout.facts import Fact
    from opskit.rollout.plan import Plan
    from opskit.rollout.probe import Release
    from opskit.rollout.tenants import Tenant


def demand_regainable(
    tenants: Iterable[Tenant], live: Mapping[str, Mapping[str, Release]]
) -> None:
    """Raise SourceError if a version that a host runs could not be brought to a new machine in its place: before it is too late."""
    for tenant in tenants:
        service = tenant.service
        versions = {release.revision: release for release in live.get(service.name, {}).values()}
        for release in versions.values():
            try:
                find_same(service.source, revision=release.revision, label=release.label)
            except SourceError as error:
                what = f"{service.name}: what runs there could not be brought to a new machine: {error.what}"
                hint = (
                    error.hint
                    or "deploy a version that is still to be had, then replace the hosts"
                )
                raise SourceError(what, hint=hint) from None


def regain(tenant: Tenant, release: Release, host: str, *, plan: Plan, run: Run) -> None:
    """Deploy to one host the version that `release` was, outside of its load balancers; raises OpskitError if that does not go well.

    `plan` is that of the replacement that this is for: at the first wish to stop, it comes to its end as the host does.
    """
    service = replace(
        tenant.service, load_balancer=None, min_healthy=None, gate=None, on_failure="stop"
    )
    remark = f"a part of {plan.action} {plan.rollout}"
    stop = Stop()
    # a deploy cancels and resumes its fleet, and other hosts are worked on beside this
    with run.fleet.apart() as fleet:
        made = plan_deploy(
            service=service,
            hosts=[host],
            find=lambda: find_same(service.source, revision=release.revision, label=release.label),
            fleet=fleet,
            why=f"{host} was replaced: {plan.why}".removesuffix(": "),
            irreversible=release.irreversible,
            rollout=run.changelog.new_rollout_id(),
            gates=gates_of(service, 1),
        )
        own = replace(
            run.of(tenant.service),
            fleet=fleet,
            stop=stop,
            tell=Teller(lambda fact: _passed_on(fact, run)),
            remarks=(*run.remarks, remark),
            retries=(),
        )
        with run.stop.during(stop.at_once, least=STOP_NOW):
            report = deploy(made, own)
    if report.outcome != "done":
        end = report.hosts[0] if report.hosts else None
        raise HostError(
            host,
            f"deploy {report.rollout} of {release.title} to it is {report.outcome}: {report.reason}",
            hint=f"see: opskit log {report.rollout}",
            output=end.output if end else "",
        )


def _passed_on(fact: Fact, run: Run) -> None:
    """Tell what the operator should see of it: that the host has come to its end, only the replacement itself can say."""
    if isinstance(fact, StepBegun | Warned):
        run.tell(fact)
