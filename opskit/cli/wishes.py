"""What somebody asks of the changelog, as the options of `opskit log` say it."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING

from opskit.cli import wiring

if TYPE_CHECKING:
    from collections.abc import Collection

    from opskit.changelog import Changelog, Filter
    from opskit.config.model import Config

ALGEBRA = frozenset("@!&^*?")
DEFAULT_LIMIT = 50
FEW = 3  # hosts


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What the options say, as they were written."""

    service: str | None = None
    environment: str | None = None
    hosts: str | None = None
    actor: str | None = None
    kind: str | None = None
    outcome: str | None = None
    grep: str | None = None
    since: str | None = None
    until: str | None = None
    limit: int = DEFAULT_LIMIT
    incident: str | None = None

    def as_filter(self, config: Config) -> Filter:
        """Give the question to the changelog; raises UsageError for what cannot be read."""
        from opskit.changelog import Filter
        from opskit.changelog.event import BISECT_STARTED

        kind = BISECT_STARTED if self.kind == "bisect" else self.kind or ""
        return Filter(
            service=self.service or "",
            environment=self.environment or "",
            hosts=_names(config, self.environment, self.hosts),
            actor=self.actor or "",
            action=kind,
            outcome=self.outcome or "",
            grep=self.grep or "",
            incident=self.incident or "",
            since=_time(self.since),
            until=_time(self.until),
            limit=self.limit,
        )

    def in_words(self) -> list[str]:
        """Give what was asked for, a few words for each option."""
        asked = dataclasses.asdict(self)
        return [f"{name} {said}" for name, said in asked.items() if said and name != "limit"]

    def in_one_place(self, config: Config) -> bool:
        """Tell whether all that is asked for is of the same environment."""
        return bool(self.environment) or len(config.environments) < 2

    def demand_known(self, config: Config, changelog: Changelog) -> None:
        """Raise UnknownNameError for a name of which neither opskit.toml nor the changelog knows anything.

        Of many strange hosts, as a range names them, none is asked for by itself: that takes longer than the log.
        """
        from opskit.changelog import Filter
        from opskit.config.lookup import did_you_mean
        from opskit.errors import UnknownNameError

        strangers = self._strangers(config)
        if sum(what == "host" for what, _, _ in strangers) > FEW:
            strangers = [each for each in strangers if each[0] != "host"]
        for what, name, known in strangers:
            once = Filter(limit=1)
            by = {"environment": {"environment": name}, "service": {"service": name}}
            if not changelog.entries(once._replace(**by.get(what, {"hosts": (name,)}))):
                where = f"in {config.file.name}, and none in the changelog"
                raise UnknownNameError(
                    f"no {what} {name!r} {where}", hint=did_you_mean(name, known)
                )

    def doubts(self, config: Config) -> list[str]:
        """Give what may be a mistake: names of which opskit.toml knows nothing any more."""
        from opskit.config.lookup import did_you_mean

        return [
            f"no {what} {name!r} in {config.file.name}: {did_you_mean(name, known)}"
            for what, name, known in self._strangers(config)
        ]

    def _strangers(self, config: Config) -> list[tuple[str, str, Collection[str]]]:
        """Give names that opskit.toml does not know: what each is of, and those that it does know."""
        asked: list[tuple[str, str, Collection[str]]] = [
            ("environment", self.environment or "", config.environments),
            ("service", self.service or "", config.services),
        ]
        if self.hosts and not ALGEBRA & set(self.hosts):
            known = _known_hosts(config, self.environment)
            asked += [("host", name, known) for name in _names(config, None, self.hosts) if known]
        return [(what, name, known) for what, name, known in asked if name and name not in known]


def _names(config: Config, environment: str | None, selector: str | None) -> tuple[str, ...]:
    """Give host names: names and ranges as they are, also of hosts that are gone; else by the inventory."""
    if not selector:
        return ()
    if ALGEBRA & set(selector):
        inventory = wiring.open_inventory(config, environment)
        with wiring.open_changelog(config) as changelog:
            return wiring.select(inventory, changelog, selector)
    from opskit.fleet.selectors import expand_all

    return expand_all([selector])


def _known_hosts(config: Config, environment: str | None) -> frozenset[str]:
    """Give the hosts of one environment or of all; none where an inventory command has the last word."""
    from opskit.fleet.selectors import expand_all

    places = [env for env in config.environments.values() if environment in (None, env.name)]
    if any(env.inventory for env in places):
        return frozenset()
    return frozenset(name for env in places for name in expand_all(env.hosts))


def _time(said: str | None) -> datetime | None:
    from opskit.changelog.when import parse_when

    return parse_when(said, datetime.now().astimezone()) if said is not None else None
