"""A rollout while it is done: shown as it goes, stoppable by signals, with a password for sudo at hand if hosts want one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.cli import freezing, retrying, sudo
from opskit.cli.hiding import hidden
from opskit.cli.stopping import stoppable
from opskit.errors import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.cli.choice import Choice
    from opskit.cli.session import Session
    from opskit.rollout.context import Run
    from opskit.rollout.plan import Plan
    from opskit.rollout.report import Report
    from opskit.rollout.secrets import Reader


def watched(session: Session, choice: Choice, plan: Plan, do: Callable[[Run], Report]) -> Report:
    """Do what was planned, shown as it goes, stoppable by signals."""
    from opskit.changelog.machine import actor_here
    from opskit.cli import vouching
    from opskit.cli.render import progress
    from opskit.rollout.context import Run
    from opskit.rollout.facts import Teller
    from opskit.rollout.patience import Patience
    from opskit.rollout.stop import Stop

    frozen = freezing.frozen(session)
    freezing.demand_thawed(frozen, choice)  # somebody may have thought long about the question
    vouching.keep_enrolled(session.changelog, session.config.changelog)
    reader = _read(session)
    with (
        hidden(session.fleet.vault),
        sudo.ready(session, plan, _users(session, choice, plan), reader),
        progress.shown(plan, as_json=choice.as_json) as listener,
    ):
        tell, stop = Teller(listener), Stop()
        run = Run(
            fleet=session.fleet,
            changelog=session.changelog,
            actor=actor_here(),
            tasks=session.tasks,
            secrets=reader.all(session.secrets),
            tell=tell,
            stop=stop,
            reader=reader,
            refuse_unshared=session.config.changelog.offline == "refuse",
            remarks=(*freezing.remarks(frozen, choice), *retrying.remarks(session, plan)),
            overrides=freezing.overrides(frozen, choice),
            retries=tuple(record.id for record in session.retried),
            patience=session.patience or Patience(),
        )
        resumable = plan.rollout if plan.is_rolling else ""
        try:
            with stoppable(stop, tell, resumable=resumable):
                report = do(run)
        except InterruptedRunError as error:
            if resumable:
                error.hint = error.hint or f"to go on: opskit resume {resumable}"
            raise
    if tell.error and not isinstance(tell.error, OSError):
        raise tell.error
    return report


def _read(session: Session) -> Reader:
    """Read all secrets that commands of the run get, and show none from now on; raises ConfigError with nothing touched."""
    from opskit.rollout.secrets import Reader

    reader = Reader(session.config.root)
    services = [tenant.service.secrets for tenant in session.tenants]
    for sources in (session.secrets, *services):
        reader.all(sources)
    services_there = [tenant.service.name for tenant in session.tenants]
    own = [session.service.name] if session.service else []
    reader.demand_no_name([*session.fleet.inventory.hosts, session.environment.name, *own, *services_there])  # fmt: skip
    session.fleet.vault.hide(reader.known)
    return reader


def _users(session: Session, choice: Choice, plan: Plan) -> tuple[str, ...]:
    """Give as whom commands of the run go by sudo: its own, and those of the services that it is about."""
    from opskit.rollout.remembered import BY_HAND
    from opskit.rollout.sudo import users_of

    if choice.sudo:
        return (choice.sudo,)
    if plan.action in BY_HAND:
        return ()  # a load balancer is told to; nothing of the service is run
    services = (session.service, *(tenant.service for tenant in session.tenants))
    theirs = (user for service in services for user in users_of(service))
    return tuple(dict.fromkeys((*plan.users, *theirs)))
