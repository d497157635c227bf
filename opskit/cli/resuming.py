"""What `opskit resume` opens: the hosts of a rollout that was interrupted, with what lives there and is part of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from opskit.cli import maintaining, options, session, sharing, waiting, wiring
from opskit.cli.session import Session
from opskit.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.cli.choice import Choice, Needed
    from opskit.config.model import Config
    from opskit.rollout.context import Run
    from opskit.rollout.labour import Labour
    from opskit.rollout.patience import Patience
    from opskit.rollout.plan import Plan
    from opskit.rollout.report import Report

    Planned = tuple[Plan, Callable[[Run], Report]]


def listed(choice: Choice, *, revert: bool, take_over: bool) -> int:
    """Show what can be resumed, and give the exit code; raises UsageError if something is to be done with it."""
    from datetime import UTC, datetime

    from opskit.cli.render import resumable as shown
    from opskit.rollout.resumable import resumable

    done = (
        choice.why,
        choice.wait,
        choice.dry_run,
        choice.yes,
        choice.no_drain,
        revert,
        take_over,
    )
    if any(done):
        raise UsageError("say which ROLLOUT", hint="those that can be resumed: opskit resume")
    config = wiring.read_config()
    with sharing.open_changelog(config) as changelog:
        found = resumable(
            changelog, config, lambda name: wiring.open_inventory(config, name).hosts
        )
        judged = changelog.judged(found, config.changelog)
    return shown.show(judged, datetime.now(UTC), as_json=choice.as_json)


@contextlib.contextmanager
def on_rollout(choice: Choice, prefix: str) -> Iterator[tuple[Session, RolloutRecord]]:
    """Open what it takes to go on with a rollout, with all hosts of its environment at hand. Raises UsageError."""
    from opskit.rollout.patience import Patience
    from opskit.rollout.remembered import UPKEEP, demand_open

    patience = Patience(options.seconds(choice.wait))
    config = wiring.read_config()
    with sharing.open_changelog(config) as changelog:
        record = changelog.rollout(prefix)
        demand_open(record)
        opened = _on_machines if record.action in UPKEEP else _on_service
        with opened(config, changelog, record, patience, choice.secrets) as found:
            yield found, changelog.rollout(record.id)


@contextlib.contextmanager
def _on_service(
    config: Config,
    changelog: Changelog,
    record: RolloutRecord,
    patience: Patience,
    secrets: Needed,
) -> Iterator[Session]:
    from opskit.rollout.remembered import remember
    from opskit.rollout.secrets import demand_at_hand

    service = config.service(record.service, record.environment)
    inventory = wiring.open_inventory(config, record.environment)
    planned = [target.host for target in remember(record).targets]
    hosts = tuple(host for host in planned if host in inventory.hosts)
    if secrets == "now":
        demand_at_hand(service.secrets, f"service {service.name}")
    with wiring.open_fleet(config, inventory) as fleet:
        where = config.environment(record.environment)
        waiting.until_free(patience, fleet, changelog, service, hosts)
        lives_on = len(inventory.select(service.hosts))
        asked = (hosts, service.secrets, service, (), lives_on)
        yield Session(config, where, fleet, changelog, *asked, patience=patience)


@contextlib.contextmanager
def _on_machines(
    config: Config,
    changelog: Changelog,
    record: RolloutRecord,
    patience: Patience,
    secrets: Needed,
) -> Iterator[Session]:
    inventory = wiring.open_inventory(config, record.environment)
    hosts = tuple(host.name for host in record.hosts if host.name in inventory.hosts)
    given = (config, inventory, changelog, hosts)
    with maintaining.opened(*given, patience=patience, secrets=secrets) as found:
        yield found


def planned(
    opened: Session,
    record: RolloutRecord,
    choice: Choice,
    *,
    revert: bool,
    take_over: bool,
    drain: bool,
) -> Planned:
    """Ask the hosts, and give the plan and what carries it out; raises UsageError, RefusedError."""
    why = session.reason(opened, choice)
    if opened.service is None:
        _demand_forward(record, revert=revert)
        return _of_machines(opened, record, why=why, take_over=take_over, drain=drain)
    from opskit.rollout.resume import plan_resume, resume

    made = plan_resume(
        record=record,
        service=opened.service,
        fleet=opened.fleet,
        changelog=opened.changelog,
        gates=opened.gates(opened.service),
        why=why,
        revert=revert,
        take_over=take_over,
        drain=drain,
    )
    return made.plan, lambda run: resume(made, run)


def _demand_forward(record: RolloutRecord, *, revert: bool) -> None:
    if revert:
        raise RefusedError(
            f"{record.action} {record.id} cannot be taken back",
            hint=f"opskit resume {record.id} finishes it",
        )


def _of_machines(
    opened: Session, record: RolloutRecord, *, why: str, take_over: bool, drain: bool
) -> Planned:
    from opskit.rollout.reopen import plan_reopen
    from opskit.rollout.upkeep import upkeep

    made = plan_reopen(
        record=record,
        labour=_labour(opened, record),
        tenants_there=opened.tenants,
        fleet=opened.fleet,
        changelog=opened.changelog,
        why=why,
        take_over=take_over,
        drain=drain,
    )
    return made.plan, lambda run: upkeep(made, run)


def _labour(opened: Session, record: RolloutRecord) -> Labour:
    """Give what was done to each host; raises UsageError."""
    from opskit.rollout.labour import Reboot
    from opskit.rollout.remembered import remember
    from opskit.rollout.replace import labour_of

    if record.action == "reboot":
        return Reboot(maintaining.reboots(opened))
    within = remember(record).within
    return labour_of(record.script, record.task, within=within, tasks=opened.tasks)
