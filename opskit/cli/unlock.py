"""`opskit unlock`: the locks of a run that is dead, taken from hosts and written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import options, session
from opskit.cli.choice import Choice
from opskit.cli.render import locks
from opskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.cli.session import Session
    from opskit.config.service import Service
    from opskit.rollout.breaking import Held


@click.command()
@options.service
@options.environment
@options.hosts
@options.why
@options.dry_run
@options.yes
@options.offline
@options.as_json
def unlock(
    service: str,
    *,
    environment: str | None,
    hosts: str | None,
    why: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Break the locks that a dead run holds on hosts.

    It says whose they are and how old, asks, and writes it into the changelog with the reason (-m) before it takes them away.
    A run that lives on this machine is not robbed; one that lives elsewhere is refused by its hosts from then on, so ask its
    owner first. A lock ends by itself, too: 15 minutes after the last sign of life.
    """
    from opskit.rollout import breaking

    choice = Choice("unlock", why, dry_run, yes, as_json)
    with session.on_service(choice, service, environment, hosts) as (opened, what):
        held, errors = breaking.held_on(opened.fleet, opened.hosts, path=what.path)
        breaking.demand_not_alive(opened.changelog, held)
        if held and not dry_run:
            locks.mention(held)
            left = _break(opened, what, held, choice)
            return locks.show(held, {**errors, **left}, broken=True, as_json=as_json)
        return locks.show(held, errors, broken=False, as_json=as_json)


def _break(
    opened: Session, service: Service, held: Sequence[Held], choice: Choice
) -> dict[str, Exception]:
    """Let the operator agree, write it down, do it; gives the errors of hosts."""
    from opskit.cli import vouching
    from opskit.rollout import breaking

    why = session.reason(opened, choice)
    if not why:
        raise UsageError("breaking a lock asks for a reason", hint="add -m/--why TEXT")
    hosts = len({each.host for each in held})
    owners = ", ".join(dict.fromkeys(each.lock.actor for each in held))
    options.ask(f"break the locks of {owners} on {hosts} hosts?", yes=choice.yes)
    vouching.keep_enrolled(opened.changelog, opened.config.changelog)
    breaking.record(opened.changelog, service, held, why=why)
    return dict(breaking.remove(opened.fleet, held, path=service.path))
