"""What a command that changes hosts opens, and how it is carried out: plan, ask, do, show."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

from opskit.cli import doing, freezing, hiding, options, retrying, sharing, waiting, wiring
from opskit.errors import SelectorError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.cli.choice import Choice, Needed
    from opskit.cli.render.outputs import Watch
    from opskit.config.model import Config, Environment
    from opskit.config.service import Service
    from opskit.config.sources import SecretSource
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.inventory import Inventory
    from opskit.rollout.context import Run
    from opskit.rollout.gates import Gates
    from opskit.rollout.patience import Patience
    from opskit.rollout.plan import Plan
    from opskit.rollout.report import Report
    from opskit.rollout.status import Judge
    from opskit.rollout.tenants import Tenant


class Recorded(TypedDict):
    """What a plan is told beside its service, its hosts and its gates."""

    rollout: str
    judge: Judge
    drain: bool


@dataclass(frozen=True, slots=True)
class Session:
    """What is open while a command works: the hosts chosen, the fleet, the changelog."""

    config: Config
    environment: Environment
    fleet: Fleet
    changelog: Changelog
    hosts: tuple[str, ...]
    secrets: Mapping[str, SecretSource]
    """Where the secrets are that commands get."""
    service: Service | None = None
    retried: tuple[RolloutRecord, ...] = ()
    lives_on: int = 0
    """On how many hosts the service lives, whether they are chosen or not."""
    patience: Patience | None = None
    """How long to wait for hosts that another run holds, if at all."""
    tenants: tuple[Tenant, ...] = ()
    """The services that live on the hosts, for what is about whole hosts."""

    def gates(self, service: Service, *, auto_rollback: bool | None = None) -> Gates:
        """Give the gates of a run on a service, of all its hosts; raises ConfigError."""
        from opskit.rollout.gates import gates_of

        return gates_of(service, self.lives_on, auto_rollback=auto_rollback)

    def recorded(self, choice: Choice) -> Recorded:
        """Give what a plan is told: the id of the rollout, what the changelog knows of the hosts, whether they are drained."""
        rollout = self.new_rollout(choice)
        return {"rollout": rollout, "judge": self.judge, "drain": not choice.no_drain}

    def hide(self, text: str) -> str:
        """Give a text without the secrets that are known by now."""
        return self.fleet.vault.redactor.text(text)

    @property
    def judge(self) -> Judge:
        """What the changelog knows of hosts."""
        from opskit.rollout.status import Judge

        return Judge(self.changelog, self.config.changelog)

    def new_rollout(self, choice: Choice) -> str:
        """Give the id of the rollout that is planned; a dry run, of which nothing is written, needs none."""
        return "" if choice.dry_run else self.changelog.new_rollout_id()

    @property
    def tasks(self) -> Path:
        """The fleet's file of Fabric tasks."""
        return self.config.tasks


@contextlib.contextmanager
def on_service(
    choice: Choice, name: str, environment: str | None, hosts: str | None
) -> Iterator[tuple[Session, Service]]:
    """Open what a command on a service needs; `hosts` narrows the service's own. Raises UsageError.

    Hosts that another run holds are waited for if the choice says so; raises LockedError when that takes too long.
    Raises ConfigError if secrets are needed now and cannot be had.
    """
    wait = options.seconds(choice.wait)
    config = wiring.read_config()
    service = config.service(name, environment)
    inventory = wiring.open_inventory(config, environment)
    where = config.environment(environment)
    own = tuple(host.name for host in inventory.select(service.hosts))
    with wiring.open_fleet(config, inventory) as fleet:
        if not hosts:
            fleet.approach(own)  # while the rest is imported, and the changelog opened
        from opskit.rollout.patience import Patience
        from opskit.rollout.ready import demand_ready
        from opskit.rollout.secrets import demand_at_hand

        patience = Patience(wait)
        given = service.secrets if choice.secrets != "never" else {}
        if choice.secrets == "now":
            demand_at_hand(given, f"service {service.name}")
        with sharing.open_changelog(config) as changelog:
            retried = retrying.earlier(changelog, hosts)
            retrying.demand_some(hosts, retried, inventory.hosts)
            chosen = _narrowed(inventory, changelog, service, own, hosts) if hosts else own
            demand_ready(service, [inventory.hosts[host] for host in chosen], tasks=config.tasks)
            if hosts:
                fleet.approach(chosen)
            asked = (chosen, given, service, retried, len(own))
            waiting.until_free(patience, fleet, changelog, service, chosen)
            yield Session(config, where, fleet, changelog, *asked, patience=patience), service


@contextlib.contextmanager
def on_hosts(
    *, environment: str | None, hosts: str, secrets: Needed = "never"
) -> Iterator[Session]:
    """Open what a command on some hosts needs; what it runs gets the environment's `secrets`, unless those are never needed. Raises UsageError."""
    from opskit.rollout.secrets import demand_at_hand

    config = wiring.read_config()
    inventory = wiring.open_inventory(config, environment)
    where = config.environment(environment)
    given = where.secrets if secrets != "never" else {}
    if secrets == "now":
        demand_at_hand(given, f"environment {where.name}")
    with (
        sharing.open_changelog(config) as changelog,
        wiring.open_fleet(config, inventory) as fleet,
    ):
        retried = retrying.earlier(changelog, hosts)
        retrying.demand_some(hosts, retried, inventory.hosts)
        chosen = wiring.select(inventory, changelog, hosts)
        yield Session(config, where, fleet, changelog, chosen, given, retried=retried)


def reason(session: Session, choice: Choice, *, how: str = "add -m/--why TEXT") -> str:
    """Give the reason, which an environment may ask for; says `how` to give it.

    Raises UsageError when it is missing, RefusedError in a freeze.
    """
    why = (choice.why or "").strip()
    if not why and session.environment.require_why and not choice.dry_run:
        raise UsageError(f"environment {session.environment.name} asks for a reason", hint=how)
    if len(why) > 2000:
        raise UsageError("the reason is longer than 2000 characters")
    if not choice.dry_run:
        freezing.demand_thawed(freezing.frozen(session), choice)
    return session.hide(why)


def carry_out(session: Session, choice: Choice, plan: Plan, do: Callable[[Run], Report]) -> int:
    """Show the plan; unless this is a dry run, let the operator agree, do it, and show what came of it.

    A plan that can change nothing needs nobody's word; it is recorded like any other.
    """
    from opskit.cli.render import plans, reports

    if choice.dry_run:
        return _shown(session, choice, plan)
    plans.summarise(_noted(session, choice, plan))
    changed = sum(map(len, plan.batches))
    if changed and not plan.hopeless:
        what = choice.command if plan.run else plan.action
        options.ask(f"{what} on {changed} of {len(plan.hosts)} hosts?", yes=choice.yes)
    report = doing.watched(session, choice, plan, do)
    plan = hiding.untold(plan, session.hide)
    retry = retrying.command_of(session, plan, report)
    return reports.show(report, plan, command=choice.command, as_json=choice.as_json, retry=retry)


def _shown(session: Session, choice: Choice, plan: Plan) -> int:
    """Show what a dry run found, and what would be refused."""
    from opskit.cli.render import plans

    noted = _noted(session, choice, plan)
    noted = replace(noted, notes=(*noted.notes, *hiding.notes(session.secrets)))
    return plans.show(noted, command=choice.command, as_json=choice.as_json)


def _noted(session: Session, choice: Choice, plan: Plan) -> Plan:
    """Give a plan as it is shown: with what is to be said of a freeze, and of an earlier rollout."""
    noted = freezing.noted(hiding.untold(plan, session.hide), freezing.frozen(session), choice)
    return replace(noted, notes=(*noted.notes, *retrying.remarks(session, plan)))


def _narrowed(
    inventory: Inventory,
    changelog: Changelog,
    service: Service,
    own: tuple[str, ...],
    selector: str,
) -> tuple[str, ...]:
    asked = wiring.select(inventory, changelog, selector)
    if strangers := [name for name in asked if name not in own]:
        raise SelectorError(
            f"{strangers[0]} does not run {service.name}",
            hint=f"{service.name} lives on {service.hosts} in {service.environment}",
        )
    return asked


def at_once(
    session: Session,
    choice: Choice,
    plan: Plan,
    do: Callable[[Run, Watch | None], Report],
) -> int:
    """Do what was asked for on each host, and show what they said: one host as it speaks, many folded."""
    from opskit.cli.render import outputs, reports

    if choice.dry_run:
        return _shown(session, choice, plan)
    watch = outputs.live() if len(plan.hosts) == 1 and not choice.as_json else None
    report = doing.watched(session, choice, plan, lambda run: do(run, watch))
    plan = hiding.untold(plan, session.hide)
    retry = retrying.command_of(session, plan, report)
    if choice.as_json:
        return reports.show(report, plan, command=choice.command, as_json=True, retry=retry)
    if watch is None:
        outputs.show(report.outputs)
    return reports.mention(report, plan, spoken=watch is not None, retry=retry)
