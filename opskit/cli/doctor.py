"""`opskit doctor`: is everything there that a rollout needs?"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import click

from opskit.cli import options, wiring
from opskit.cli.render import envelope, text
from opskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opskit.rollout.doctor import Finding

COLOURS = {"ok": "green", "warn": "yellow", "bad": "red"}


@click.command()
@options.environment
@options.hosts
@options.offline
@options.as_json
def doctor(environment: str | None, hosts: str | None, *, as_json: bool) -> int:
    """Check configuration, keys, hosts, clocks and changelog.

    Each finding says what to do. Nothing is changed. The exit code is 0 if nothing is bad (warnings are not), else 1.
    """
    findings = examine(environment, hosts or "")
    if not as_json:
        return show(findings)
    found = list(findings)
    return envelope.show("doctor", {"findings": found}, exit_code=exit_code(found))


def examine(environment: str | None, selector: str) -> Iterator[Finding]:
    """Give the findings as they come; a configuration that cannot be read is one, and the last."""
    from opskit.cli.upstreams import open_upstream
    from opskit.rollout.doctor import examine, failed
    from opskit.rollout.doctor.upstream import check_upstream

    try:
        config = wiring.read_config()
        inventory = wiring.open_inventory(config, environment)
    except ConfigError as error:
        yield failed("configuration", error)
        return
    with (
        wiring.open_fleet(config, inventory) as fleet,
        wiring.open_changelog(config) as changelog,
    ):
        if config.changelog.upstream and not options.is_offline():
            yield from check_upstream(functools.partial(open_upstream, config), changelog)
        yield from examine(config, inventory, fleet, changelog, selector=selector)


def show(findings: Iterable[Finding]) -> int:
    """Print findings as they come and how many there were of each level; gives the exit code."""
    found = []
    for finding in findings:
        found.append(finding)
        text.say(line(finding), colour=COLOURS[finding.level])
        if finding.level != "ok":
            for hint in finding.hint.splitlines():
                text.say(f"      {hint}")
    bad, warnings = (sum(each.level == level for each in found) for level in ("bad", "warn"))
    text.say(
        f"{bad} bad, {text.plural(warnings, 'warning')}, {len(found) - bad - warnings} ok",
        bold=True,
    )
    return exit_code(found)


def line(finding: Finding) -> str:
    """Give a finding in one line: level, area, hosts, what."""
    from opskit.fleet.selectors import fold

    about = f" {fold(finding.hosts)}:" if finding.hosts else ""
    return f"{finding.level:<4}  {finding.area}:{about} {finding.what}"


def exit_code(findings: Iterable[Finding]) -> int:
    """Give 1 if anything is bad, else 0."""
    return int(any(finding.level == "bad" for finding in findings))
