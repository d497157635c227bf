"""`opskit changelog verify`: whether everything still is as it was written, and as hosts remember it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from opskit.cli import complete, options, sharing, wiring
from opskit.cli.render import envelope, text
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import Changelog
    from opskit.changelog.exchange import Alarm
    from opskit.changelog.verify import Problem
    from opskit.config.model import Config
    from opskit.rollout.witness import Testimony


@click.command()
@click.option(
    "-H",
    "--hosts",
    metavar="[SELECTOR]",
    is_flag=False,
    flag_value="@*",
    shell_complete=complete.hosts,
    help="Ask hosts, too, for what rollouts left there: all of them, or these.",
)
@options.environment
@options.offline
@options.as_json
def verify(*, hosts: str | None, environment: str | None, as_json: bool) -> int:
    """Check that no event was altered, removed or forged.

    Checks every chain, signature, enrolment and receipt of the upstream. With --hosts also the receipts that
    rollouts left on the hosts of an environment. Exit code 1 if anything is wrong now; the first bad event of
    each writer stands first. What was ever wrong with the upstream is told, too.
    """
    config = wiring.read_config()
    with sharing.open_changelog(config) as changelog:
        problems, alarms = changelog.verify(), changelog.alarms()
        count = changelog.count()
        heard = _hear(config, changelog, environment, hosts) if hosts else []
    if as_json:
        return _show_json(count, problems, alarms, heard)
    return _show(count, problems, alarms, heard)


def _hear(
    config: Config, changelog: Changelog, environment: str | None, selector: str
) -> list[Testimony]:
    """Ask the hosts of every service of an environment, as far as they are chosen."""
    from opskit.rollout.witness import hear

    where = config.environment(environment).name
    services = [places[where] for places in config.services.values() if where in places]
    inventory = wiring.open_inventory(config, environment)
    chosen = wiring.select(inventory, changelog, selector)
    with wiring.open_fleet(config, inventory) as fleet:
        return [
            hear(
                service=service,
                hosts=[h.name for h in inventory.select(service.hosts) if h.name in chosen],
                fleet=fleet,
                changelog=changelog,
            )
            for service in services
        ]


def _is_well(problems: Sequence[Problem], heard: Sequence[Testimony]) -> bool:
    return not problems and not any(each.doubts or each.errors for each in heard)


def _show(
    count: int, problems: Sequence[Problem], alarms: Sequence[Alarm], heard: Sequence[Testimony]
) -> int:
    for problem in problems:
        text.say(str(problem), colour="red")
    for alarm in alarms:
        when = f"{datetime.fromtimestamp(alarm.at_ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
        text.say(f"once, at {when}: {alarm.what} ({alarm.trick})", colour="yellow")
    for each in heard:
        for doubt in each.doubts:
            text.say(f"{doubt.host}, {each.service}: {doubt.what}", colour="red")
        for host, error in each.errors.items():
            text.say(f"{host}, {each.service}: not asked: {error.what}", colour="yellow")
        text.say(f"{each.service}: {len(each.receipts)} receipts on hosts")
    if problems:
        text.mention(f"{text.plural(count, 'event')}, and not all is as it was written")
    else:
        text.say(f"{text.plural(count, 'event')}, all as written")
    return 0 if _is_well(problems, heard) else 1


def _show_json(
    count: int, problems: Sequence[Problem], alarms: Sequence[Alarm], heard: Sequence[Testimony]
) -> int:
    data = {
        "events": count,
        "problems": [{"where": problem.where, "what": problem.what} for problem in problems],
        "alarms": alarms,
        "hosts": [
            {
                "service": each.service,
                "environment": each.environment,
                "receipts": len(each.receipts),
                "doubts": each.doubts,
                "not_asked": {host: error.what for host, error in each.errors.items()},
            }
            for each in heard
        ],
    }
    if _is_well(problems, heard):
        return envelope.show("changelog verify", data)
    error = ChangelogError("not all is as it was written", hint="see data.problems and data.hosts")
    return envelope.show("changelog verify", data, exit_code=1, error=error)
