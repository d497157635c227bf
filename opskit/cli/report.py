"""`opskit report`: what rollouts came to, by service and by team: DORA's four figures, from facts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opskit.cli import complete, options, sharing, wiring
from opskit.cli.render import envelope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.blame.deeds import Deed
    from opskit.blame.report import Facts, Report
    from opskit.changelog import Changelog, VerdictEntry
    from opskit.config.model import Config
    from opskit.config.service import Service


@click.command()
@click.option(
    "--since",
    metavar="TIME",
    default="30d",
    show_default=True,
    help="From then on: 30d, 'monday 9:00', a date.",
)
@options.environment
@click.option(
    "-s",
    "--service",
    metavar="NAME",
    shell_complete=complete.services,
    help="Only what was about this service.",
)
@options.offline
@options.as_json
@click.option(
    "--web",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.html",
    help="Write a page to look at in a browser; an earlier page is replaced.",
)
def report(
    *,
    since: str,
    environment: str | None,
    service: str | None,
    as_json: bool,
    web: Path | None,
) -> int:
    """Show how often, how well and how fast rollouts went.

    By service and by team (`owner` of a service): deployments a week, how many of them failed, how
    long it took to restore what had failed, how many were taken back, how long commits took until
    they ran. The definitions stand below the figures. Without --env, of all environments.
    """
    config = wiring.read_config(whole=False)
    with sharing.open_changelog(config) as changelog:
        found = _made(config, changelog, since, (service or "", environment or ""))
        about = sharing.lag_of(config, changelog)
    if web:
        from opskit.cli.web.report import write

        return write(web, found, config, as_json=as_json)
    from opskit.cli.render import figures

    if as_json:
        return envelope.show("report", {**figures.as_data(found), **about})
    figures.show(found)
    return 0


def _made(config: Config, changelog: Changelog, since: str, wanted: tuple[str, str]) -> Report:
    """Gather the facts, and make the report of them; it begins where the changelog does, if that is later."""
    from opskit.blame.report import report
    from opskit.changelog.when import parse_when

    _demand_known(config, *wanted)
    now = datetime.now(UTC)
    asked = parse_when(since, now.astimezone())
    begins = min(max(asked, changelog.began() or now), now)
    return report(_facts(config, changelog, begins, wanted), begins, now)


def _demand_known(config: Config, service: str, environment: str) -> None:
    """Raise UnknownNameError for names that opskit.toml does not have: figures of nothing would pass for good ones."""
    from opskit.config.lookup import named

    if environment:
        config.environment(environment)
    if service:
        named("service", service, config.services)


def _facts(
    config: Config, changelog: Changelog, since: datetime, wanted: tuple[str, str]
) -> Facts:
    from opskit.blame.bisect.record import tries
    from opskit.blame.deeds import KINDS, deed
    from opskit.blame.report import Facts
    from opskit.changelog import Filter, is_beside

    service, environment = wanted
    asked = Filter(service=service, environment=environment, since=since)
    tried = tries(changelog, since)
    found = [
        each
        for kind in KINDS
        for each in changelog.each_rollout(asked._replace(action=kind), deed)
        if each.outcome != "running" and each.id not in tried and not is_beside(each.id)
    ]
    deeds = sorted(found, key=lambda each: (each.at, each.id))
    services = {(s.name, s.environment): s for s in _services(config)}
    only_tried = Counter(tried.values())
    counts = {
        place: max(count - only_tried[place], 0)
        for place, count in changelog.tally(since).items()
        if service in ("", place[0]) and environment in ("", place[1])
    }
    owners = {place: each.owner for place, each in services.items() if each.owner}
    rulings = _rulings(config, changelog)
    return Facts(deeds, counts, rulings, owners, _commit_times(services, deeds))


def _services(config: Config) -> Iterable[Service]:
    """Give the services of opskit.toml in each environment; those that are written wrong have no owner and no repository here."""
    from opskit.errors import ConfigError

    try:
        return [each for places in config.services.values() for each in places.values()]
    except ConfigError:
        return []


def _rulings(config: Config, changelog: Changelog) -> Mapping[str, VerdictEntry]:
    """Give the verdicts that hold, by rollout."""
    from opskit.changelog.ruling import holding

    given: dict[str, list[VerdictEntry]] = {}
    for each in reversed(changelog.judged(changelog.verdicts(), config.changelog)):
        given.setdefault(each.rollout, []).append(each)
    held = {name: holding(theirs) for name, theirs in given.items()}
    return {name: one for name, one in held.items() if one}


def _commit_times(
    services: Mapping[tuple[str, str], Service], deeds: Iterable[Deed]
) -> Mapping[str, datetime]:
    """Give when commits were made, from the repositories of services, each asked once."""
    from opskit.blame.leadtime import committed
    from opskit.config.service import GitSource

    asked: dict[Path, dict[str, None]] = {}
    for each in deeds:
        service = services.get((each.service, each.environment))
        if service and isinstance(service.source, GitSource):
            asked.setdefault(service.source.repository, {}).update(dict.fromkeys(each.commits))
    return {sha: at for where, shas in asked.items() for sha, at in committed(where, shas).items()}
