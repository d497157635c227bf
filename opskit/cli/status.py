"""`opskit status`: what each host really runs, against what the changelog says."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, TypeVar

import click

from opskit.cli import complete, options, sharing, wiring
from opskit.cli.render import statuses, text
from opskit.errors import ChangelogError, SelectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opskit.blame.bisect.holding import Holding
    from opskit.changelog import Changelog, RunRecord
    from opskit.config.model import Config
    from opskit.rollout.status import ServiceStatus

Found = TypeVar("Found")


@click.command()
@click.argument("service", required=False, shell_complete=complete.services)
@options.environment
@options.hosts
@click.option(
    "--check-files",
    is_flag=True,
    help="Read every file of the live releases, not only what was touched since the deploy.",
)
@options.offline
@options.as_json
def status(
    service: str | None,
    *,
    environment: str | None,
    hosts: str | None,
    check_files: bool,
    as_json: bool,
) -> int:
    """Show what hosts really run against what the changelog says.

    It asks what is live, whether its files were changed by hand and how the last change there ended, not whether the service
    is healthy now. Also which hosts are held by a run, out of a load balancer, or with a bisection, which rollouts and runs of runbooks never ended or are under way,
    and what these left to be undone. Exit code 1 if a host, a rollout or a run is not as it should be; in a run of a runbook, runs
    are only told of: that one itself is open.
    """
    config = wiring.read_config()
    where = config.environment(environment).name
    names = [service] if service else [n for n, at in config.services.items() if where in at]
    with sharing.open_changelog(config) as changelog:
        found = [_ask(config, changelog, name, where, hosts, whole=check_files) for name in names]
        runs = _told(lambda: _open_runs(config, changelog, where, service or ""))
        held = _told(lambda: _bisected(config, changelog, where, service or ""))
    if service and not any(asked.hosts for asked in found):
        raise SelectorError(
            f"{hosts} does not run {service}",
            hint=f"{service} lives on {config.service(service, where).hosts} in {where}",
        )
    shown = [asked for asked in found if asked.hosts]
    inside = os.environ.get("OPSKIT_RUN", "")
    return statuses.show(shown, _but(runs, inside), held, in_run=bool(inside), as_json=as_json)


def _told(find: Callable[[], tuple[Found, ...]]) -> tuple[Found, ...]:
    """Give what is found; a changelog that cannot be read is told of."""
    try:
        return find()
    except ChangelogError as error:
        text.mention(f"warning: {error}", colour="yellow")
        return ()


def _but(runs: Iterable[RunRecord], inside: str) -> list[RunRecord]:
    """Give runs but for the one that asks, unless that owes something."""
    return [run for run in runs if run.id != inside or run.liabilities]


def _open_runs(
    config: Config, changelog: Changelog, environment: str, service: str
) -> tuple[RunRecord, ...]:
    from opskit.rollout.openruns import open_runs

    return open_runs(changelog, environment, service, settings=config.changelog)


def _bisected(
    config: Config, changelog: Changelog, environment: str, service: str
) -> tuple[Holding, ...]:
    from opskit.blame.bisect.holding import held

    return held(changelog, environment, config.changelog, service)


def _ask(
    config: Config,
    changelog: Changelog,
    name: str,
    environment: str,
    hosts: str | None,
    *,
    whole: bool,
) -> ServiceStatus:
    """Ask about one service; a changelog that cannot be read is told of, and hides no host."""
    from dataclasses import replace

    from opskit.rollout.freeze import in_force
    from opskit.rollout.status import status

    service = config.service(name, environment)
    inventory = wiring.open_inventory(config, environment)
    with wiring.open_fleet(config, inventory) as fleet:
        own = [host.name for host in inventory.select(service.hosts)]
        asked = wiring.select(inventory, changelog, hosts) if hosts else own
        chosen = [host for host in own if host in asked]
        ask = functools.partial(
            status,
            service=service,
            hosts=chosen,
            fleet=fleet,
            settings=config.changelog,
            whole=whole,
        )
        try:
            found = ask(changelog=changelog)
        except ChangelogError as error:
            text.mention(f"warning: {error}", colour="yellow")
            found = ask(changelog=None)
    where = config.environment(environment)
    return replace(found, frozen=in_force(changelog, config.changelog, where, service))
